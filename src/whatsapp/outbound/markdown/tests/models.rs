//! What language models write beyond Markdown, and against its rules.

use super::{check, *};

#[test]
fn marks_beside_punctuation_and_in_scripts_without_spaces_leave_no_stars() {
    for format in [TextFormat::Auto, TextFormat::Markdown] {
        check(
            format,
            &[
                ("**注意：**请看", "注意：请看"),
                ("**「重点」**です", "「重点」です"),
                ("请看 **注意：** 谢谢", "请看 *注意：* 谢谢"),
                ("**5**個と**5%**の", "5個と5%の"),
                ("**한국어(영어)**는 좋다", "한국어(영어)는 좋다"),
                (
                    "**重要。**请注意**“价格”**是100元，**注意：**不要忘记。",
                    "重要。请注意“价格”是100元，注意：不要忘记。",
                ),
                ("**Hinweis!**Bitte", "Hinweis!Bitte"),
                ("**Preis:**10 €, **„neu“**für *alle*", "Preis:10 €, „neu“für _alle_"),
                ("siehe**„Preise“** unten", "siehe„Preise“ unten"),
                ("***重要：***请看 ~~旧价：~~新价", "重要：请看 旧价：新价"),
                ("**_注意：_**请看", "注意：请看"),
                ("- **一：**二\n- **三：**四", "- 一：二\n- 三：四"),
                ("| **名：**字 | b |\n|---|---|\n| 1 | 2 |", "```\n名：字  b\n---  -\n1    2\n```"),
            ],
        );
    }
    check(
        TextFormat::Markdown,
        &[("*注意：*请看", "注意：请看"), ("*Hinweis!*Bitte", "Hinweis!Bitte"), ("請看*「重點」*吧", "請看「重點」吧")],
    );
}

#[test]
fn stars_that_mark_nothing_stay() {
    for text in [
        "Hotel**, Spa**",
        "f(**a, **b) and {**a,**b}",
        "2*(3+4)*5 and 2**(3+4)",
        "**注意：\n\n请**“看”",
        "\u{2e0e} a**“b”**c",
        "*.rs and *.toml",
    ] {
        assert_eq!(to_whatsapp(text, TextFormat::Auto), text);
    }
    check(
        TextFormat::Markdown,
        &[
            ("`a**“b”**c` and **d**", "`a**“b”**c` and *d*"),
            ("```\na**“b”**c\n```", "```\na**“b”**c\n```"),
            ("[a](https://b.de/c**“d”**e)", "a (https://b.de/c**“d”**e)"),
            ("<https://b.de/c**“d”**e>", "https://b.de/c**“d”**e"),
        ],
    );
}

#[test]
fn an_answer_in_a_block_that_is_called_markdown_is_the_answer() {
    check(
        TextFormat::Auto,
        &[
            ("```markdown\n# Hello\n**you**\n```", "*Hello*\n*you*"),
            ("\n```md\nHello *you*\n```\n", "Hello _you_"),
            ("````Markdown\nLook:\n```\nls\n```\n````", "Look:\n```\nls\n```"),
            ("```markdown\nLook:\n```sh\nls\n```\nDone.\n```", "Look:\n```\nls\n```\nDone."),
            // Two blocks, and one with text around it.
            ("```markdown\na\n```\nand\n```\nb\n```", "```\na\n```\nand\n```\nb\n```"),
            ("Copy this:\n```markdown\n# a\n```", "Copy this:\n```\n# a\n```"),
        ],
    );
    let block = "```markdown\n# Hello\n```";
    assert_eq!(to_whatsapp(block, TextFormat::Whatsapp), block);
}

#[test]
fn references_that_only_the_model_has_are_left_out() {
    check(
        TextFormat::Auto,
        &[
            ("It is open 【12†source】.", "It is open."),
            ("It is open【4:0†hours.pdf】【4:1†hours.pdf】 until 8 【†】", "It is open until 8"),
            ("A 【1†a】 B", "A B"),
            ("Open\u{e200}cite\u{e202}turn0search1\u{e201} today", "Open today"),
            ("*bold* 【公告】 stays, 【and 【5†this】 goes", "*bold* 【公告】 stays, 【and goes"),
            ("【12†source】", "【12†source】"),
        ],
    );
    assert_eq!(to_whatsapp("a 【1†b】", TextFormat::Whatsapp), "a 【1†b】");
}

#[test]
fn formulas_keep_what_they_say() {
    check(
        TextFormat::Auto,
        &[
            ("\\( E = mc^2 \\)", "E = mc^2"),
            ("So \\(\\int x\\,dx\\) and \\( E \\).", "So \\int x\\,dx and E."),
            (
                "Then\n\\[\n  \\frac{a_1 * b_1}{c_1 * d_1}\n  - 1 = 0\n\\]\nholds",
                "Then\n\\frac{a_1 * b_1}{c_1 * d_1}\n- 1 = 0\nholds",
            ),
            ("**Sum:** $$\\sum_{i=1}^n x_i\\;y_i$$", "*Sum:* \\sum_{i=1}^n x_i\\;y_i"),
            ("- one \\( a*b*c \\)\n- two \\( \\{x\\} \\)", "- one a*b*c\n- two \\{x\\}"),
            ("> \\[\n> x = 1\n> \\]", "> x = 1"),
            // Brackets, prices and code are not formulas.
            ("see \\[1\\] and \\(so\\)", "see [1] and (so)"),
            ("**Food** ($$) or ($$$), **both** $$ a $$", "*Food* ($$) or ($$$), *both* $$ a $$"),
            ("**x** `\\(a\\)` `$$a=b$$`", "*x* `\\(a\\)` `$$a=b$$`"),
            ("**x** \\( a = b", "*x* ( a = b"),
        ],
    );
    for text in ["$$E = mc^2$$", "Prices: $$ or $$$"] {
        assert_eq!(to_whatsapp(text, TextFormat::Auto), text);
    }
}

#[test]
fn a_label_has_no_marks_and_keeps_what_only_looks_like_some() {
    for (label, plain) in [
        ("**Book now**", "Book now"),
        ("*Book* _now_ ~~later~~", "Book now later"),
        ("`Book` <b>now</b>", "Book now"),
        ("[Our shop](https://example.com)", "Our shop"),
        ("**注意：**请看", "注意：请看"),
        ("1. **One**", "1. One"),
        ("# **One**", "# One"),
        ("- no", "- no"),
        ("2*3*4", "2*3*4"),
        ("snake_case_name", "snake_case_name"),
        ("5 * 3", "5 * 3"),
        ("4* hotel", "4* hotel"),
        ("**", "**"),
        ("[x] <your name>", "[x] <your name>"),
        ("C:\\dir & more", "C:\\dir & more"),
        ("", ""),
    ] {
        for format in [TextFormat::Auto, TextFormat::Markdown] {
            assert_eq!(to_plain(label, format), plain);
        }
        assert_eq!(to_plain(label, TextFormat::Whatsapp), label);
    }
}
