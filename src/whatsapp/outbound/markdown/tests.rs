//! Examples for each rule, and laws for all texts.

mod models;

use proptest::prelude::*;

use super::*;

fn check(format: TextFormat, examples: &[(&str, &str)]) {
    for (markdown, expected) in examples {
        assert_eq!(to_whatsapp(markdown, format), *expected, "from {markdown:?}");
    }
}

/// Parts of ordinary answers; each is certainly Markdown.
const ORDINARY: &[&str] = &[
    "**Bold** and *italic* and ***both***, ~~gone~~, `code`.",
    "# Heading with **bold**",
    "See [the page](https://example.com/a_b) or ![a map](https://example.com/map.png).",
    "- [x] done\n- [ ] open",
    "1. one\n2. two\n   - inner\n     - innermost",
    "```rust\nfn main() {}\n\n// * no list\n```",
    "> quoted **words**\n>> and deeper",
    "| A | B |\n|---|---|\n| 1 | 2 |",
    "| Name | What it is in many words |\n|---|---|\n| One | something long enough for a list |",
    "First<br>second",
    "---",
    "**two\nlines**",
];

#[test]
fn marks_become_those_of_whatsapp() {
    check(
        TextFormat::Markdown,
        &[
            ("**b** __b__", "*b* *b*"),
            ("*i* _i_", "_i_ _i_"),
            ("***bi*** **b *bi* b** *i **bi** i*", "*_bi_* *b _bi_ b* _i *bi* i_"),
            ("~~s~~ ~s~", "~s~ ~s~"),
            ("`c` ``a`b``", "`c` a`b"),
            ("# A **bold** heading #\nText", "*A bold heading*\nText"),
            ("Under\n=====\nText", "*Under*\nText"),
            ("\\*bare\\* \\_signs\\_ &amp; &lt;", "*bare* _signs_ & <"),
            ("**Note:** (**b**) \"*i*\"", "*Note:* (*b*) \"_i_\""),
        ],
    );
}

#[test]
fn marks_that_whatsapp_would_show_are_left_away() {
    check(
        TextFormat::Markdown,
        &[
            ("un**believ**able **W**orld", "unbelievable World"),
            ("**two\nlines** *and\n three*", "*two*\n*lines* _and_\n_three_"),
            ("**a\\*. b** **2 * 3**", "a*. b *2 * 3*"),
            ("**`code`** **with `code`**", "`code` *with `code`*"),
            ("**https://a.b/c** **[t](https://a.b)**", "https://a.b/c *t (https://a.b)*"),
            ("the `f`s", "the fs"),
            ("2*3*4 2**3**4 *.rs and *.toml 5*4=20, 6*7", "2*3*4 2**3**4 *.rs and *.toml 5*4=20, 6*7"),
        ],
    );
}

#[test]
fn links_and_images_show_their_address() {
    check(
        TextFormat::Markdown,
        &[
            ("[t](https://u.de) [t *i*](https://u.de 'title')", "t (https://u.de) t _i_ (https://u.de)"),
            ("[https://u.de](https://u.de) [u.de](https://u.de/)", "https://u.de https://u.de/"),
            ("<https://u.de> <a@b.de>", "https://u.de a@b.de"),
            ("[Mail](mailto:a@b.de) [a@b.de](mailto:a@b.de)", "Mail (a@b.de) a@b.de"),
            ("![a](https://i.png) ![](https://i.png)", "a (https://i.png) https://i.png"),
            ("[![a](i.png)](https://u.de) [![](i.png)](https://u.de)", "a (https://u.de) https://u.de"),
            ("[up](#top) ![dot](data:image/png;base64,AA)", "up dot"),
            ("a [1]\n\n[1]: https://x.de\n[2]: https://y.de", "a 1 (https://x.de)\n\n[2]: https://y.de"),
        ],
    );
}

#[test]
fn lists_keep_their_numbers_and_show_their_depth() {
    check(
        TextFormat::Markdown,
        &[
            ("* a\n* b\nlazy", "- a\n- b\nlazy"),
            ("3. a\n4. b\n\n   more\n7. c", "3. a\n4. b\n\nmore\n7. c"),
            ("1. a\n1. b\n1. c", "1. a\n2. b\n3. c"),
            ("3. a\n2. b\n1. c", "3. a\n2. b\n1. c"),
            (
                "- a\n  - b\n    soft\n    - c\n      1. d",
                "- a\n\u{2002}\u{2002}• b\n\u{2002}\u{2002}soft\n\u{2002}\u{2002}\u{2002}\u{2002}◦ c\n\u{2002}\u{2002}\u{2002}\u{2002}\u{2002}\u{2002}1. d",
            ),
            ("- [ ] a\n- [X] b\n  - [x] c\n1. [ ] d", "☐ a\n☑ b\n\u{2002}\u{2002}☑ c\n1. ☐ d"),
            ("1. - a", "1. • a"),
            ("- a\n\n- b", "- a\n\n- b"),
            ("- a\n  ```sh\n  ls\n  ```", "- a\n```\nls\n```"),
        ],
    );
}

#[test]
fn blocks_stand_apart_as_they_did() {
    check(
        TextFormat::Markdown,
        &[
            ("a\nb  \nc\\\nd\n\n\n\ne", "a\nb\nc\nd\n\ne"),
            ("a\r\nb\r\rc", "a\nb\n\nc"),
            ("Text:\n- a\n\n# H\nText", "Text:\n- a\n\n*H*\nText"),
            ("> a\n> **b\n> c**\n>> d\n\ne", "> a\n> *b*\n> *c*\n> » d\n\ne"),
            ("> - a\n> - b", "> - a\n> - b"),
            ("a\n\n***\n\nb\nc\n---\nd", "a\n\n━━━━━━━━━━\n\nb\nc\n━━━━━━━━━━\nd"),
            ("5\n-\n3", "5\n-\n3"),
            ("```rust\nlet a = 1;\n\n  b();\n```\nafter", "```\nlet a = 1;\n\n  b();\n```\nafter"),
            ("See:\n````md\n```sh\nls\n```\n````", "See:\n```sh\nls\n```"),
            ("> ```\n> code\n> ```", "> `code`"),
        ],
    );
}

#[test]
fn a_table_is_aligned_where_it_fits_and_a_list_where_it_does_not() {
    check(
        TextFormat::Markdown,
        &[
            ("| A | Num |\n|---|--:|\n| x | 1 |\n| **yy** | 22 |", "```\nA   Num\n--  ---\nx     1\nyy   22\n```"),
            (
                "| Name | Description | Price |\n|---|---|---|\n| Apple pie | with *cinnamon* and `sugar` | 3.50 |\n| Tea | | 2 |",
                "Name: Apple pie\nDescription: with _cinnamon_ and `sugar`\nPrice: 3.50\n\nName: Tea\nPrice: 2",
            ),
        ],
    );
}

#[test]
fn html_is_taken_off_and_a_placeholder_is_not() {
    check(
        TextFormat::Markdown,
        &[
            ("a<br>b <b>c</b><!-- d --> <your name> e < f > g", "a\nb c <your name> e < f > g"),
            ("<div>\n**x**\n</div>\n\n<ul><li>a</li><li>b</li></ul>", "*x*\n\n- a\n- b"),
            ("<name>\n**x**", "<name>\n*x*"),
            ("**c**\n\n<!-- a\n\nb", "*c*\n\n<!-- a\n\nb"),
        ],
    );
}

#[test]
fn what_is_whatsapps_already_stays_byte_for_byte() {
    for text in [
        "*bold* and _italic_ and ~strike~ and `code`  \n* one\n* two",
        "```\ncode\n```",
        "```one\ntwo```",
        "> quoted\n\n\n1. one\n1. two",
        "¯\\_(ツ)_/¯ <your name> John <john@example.org>",
        "[yes](no) C:\\dir a &amp; b",
    ] {
        assert_eq!(to_whatsapp(text, TextFormat::Auto), text);
        assert_eq!(to_whatsapp(text, TextFormat::Whatsapp), text);
    }
    assert_eq!(to_whatsapp("**b**", TextFormat::Whatsapp), "**b**");
}

#[test]
fn anything_that_only_markdown_has_is_noticed() {
    for text in ORDINARY.iter().chain(&["__b__", "~~s~~", "a\n---\nb", "snake\\_case", "<https://a.de>", "- a\n  - b"])
    {
        assert_ne!(to_whatsapp(text, TextFormat::Auto), *text);
    }
}

#[test]
fn plain_words_are_not_taken_for_markdown() {
    for text in [
        "1) first",
        "1986. A great year",
        "1.",
        "+ 49 170",
        "#",
        "-",
        "=",
        "",
        " ",
        "😀",
        "[2]: https://y.de",
        "<!-- x -->",
    ] {
        assert_eq!(to_whatsapp(text, TextFormat::Markdown), text);
    }
    assert_eq!(to_whatsapp("1. ", TextFormat::Markdown), "1.");
}

#[test]
fn a_long_text_is_converted_in_a_moment_however_deep_it_nests() {
    for unit in [
        "*",
        "**a ",
        "*a **b ",
        "_a",
        "~~",
        "`",
        "``a",
        "[",
        "![",
        "[a](",
        "[a]: b\n",
        "> ",
        ">",
        "- ",
        "1. ",
        "  - a\n",
        "<",
        "<b",
        "<!--",
        "<br>",
        "|",
        "|a|\n|-|\n",
        "a|b\n",
        "\\",
        "&amp;",
        "#",
        "# a\n",
        "```\n",
        "*a*b",
        "**a：**b",
        "a**“b",
        "~~a!~~b",
        "\\(",
        "\\(a=b",
        "\\(a=b\\)",
        "$$",
        "$$=",
        "【",
        "【†",
        "【†】",
        "\n",
    ] {
        let text = unit.repeat(60_000 / unit.len());
        let _ = to_whatsapp(&text, TextFormat::Auto);
        let _ = to_whatsapp(&text, TextFormat::Markdown);
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(|sign| sign.is_alphabetic()).collect()
}

proptest! {
    #[test]
    fn plain_words_come_out_as_they_went_in(
        words in prop::collection::vec(prop::sample::select(vec![
            "2 * 3 * 4", "snake_case_name", "https://a.b/c_d_e", "#hashtag", "a < b > c", "+49 170 1234", "100 %", "😀👨‍👩‍👧", "word",
            "Grüße,", "it's", "(so)", "~5 km", "a/b", "e.g.", "C#", "5-6", "$5", "@me", "3 > 2", "A & B", "\n", "\n\n",
        ]), 0..30)
    ) {
        let mut text = words.join(" ").replace(" \n", "\n").replace("\n ", "\n").trim().to_owned();
        while text.contains("\n\n\n") {
            text = text.replace("\n\n\n", "\n\n");
        }
        prop_assert_eq!(&to_whatsapp(&text, TextFormat::Markdown), &text);
        prop_assert_eq!(&to_whatsapp(&text, TextFormat::Auto), &text);
    }

    #[test]
    fn no_text_makes_it_stumble(text in "(?s).{0,300}") {
        let _ = to_whatsapp(&text, TextFormat::Markdown);
    }

    #[test]
    fn no_markdown_makes_it_stumble(
        text in "(\\*|\\*\\*|_|__|~~|`|```|#|# |> |- |1\\. |\\+ |\\[|\\]\\(|\\)|!\\[|\\||\\|-\\||<br>|<b>|<!--|\\\\|&amp;|\\[ \\] |---|===|\n|\n\n|  |    |a|é|😀|https://a\\.b|\\]: ){0,60}"
    ) {
        let _ = to_whatsapp(&text, TextFormat::Auto);
        let _ = to_whatsapp(&text, TextFormat::Markdown);
    }

    #[test]
    fn no_letter_is_lost_or_moved(text in "(\\*|\\*\\*|_|#|# |> |- |1\\. |2\\) |\\+ |\\\\|---|===|\n|\n\n| |  |    |[a-z]|é|!|\\(|\\)){0,60}") {
        prop_assert_eq!(letters(&to_whatsapp(&text, TextFormat::Markdown)), letters(&text));
    }

    #[test]
    fn no_letter_is_lost_whatever_is_beside_the_marks(
        text in "(\\*|\\*\\*|\\*\\*\\*|_|~~|\\\\\\(|\\\\\\)|\\\\\\[|\\\\\\]|\\$\\$|[注意请看]|[a-z]|：|。|「|」|“|”|!|%|=| |\n|\n\n|- ){0,60}"
    ) {
        // Three tildes start a block of code, and the text after them is its name.
        let text = text.replace("~~~", "~~ ~");
        for format in [TextFormat::Auto, TextFormat::Markdown] {
            let shown = to_whatsapp(&text, format);
            prop_assert_eq!(letters(&shown), letters(&text));
            prop_assert!(!shown.contains(emphasis::JOINT));
            prop_assert_eq!(letters(&to_plain(&text, format)), letters(&text));
        }
    }

    #[test]
    fn bold_words_leave_no_stars(
        parts in prop::collection::vec(("[请看一下]{0,3}", "[“「（]?[注意]{1,3}[：。！”」）%]?"), 1..6)
    ) {
        let text: Vec<_> = parts.iter().map(|(before, bold)| format!("{before}字**{bold}**")).collect();
        let text = text.concat();
        let bare = text.replace("**", "");
        // The last word ends the text, so its mark may be one of WhatsApp's.
        prop_assert_eq!(to_whatsapp(&text, TextFormat::Auto).replace('*', ""), bare);
        prop_assert!(!to_whatsapp(&text, TextFormat::Auto).contains("**"));
    }

    #[test]
    fn ordinary_markdown_is_converted_once(blocks in prop::collection::vec(prop::sample::select(ORDINARY), 1..6)) {
        let once = to_whatsapp(&blocks.join("\n\n"), TextFormat::Auto);
        prop_assert_eq!(to_whatsapp(&once, TextFormat::Auto), once);
    }
}
