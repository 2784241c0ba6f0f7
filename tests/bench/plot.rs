//! The plot of docs/performance.md: a panel for each series and figure, drawn from zero, so that what is flat looks flat.

use std::fmt::Write as _;

use crate::growth::{Point, Series};

/// Size of a panel.
const PANEL: (f64, f64) = (250.0, 150.0);
/// Around each panel: to the left and right, above, below.
const MARGIN: (f64, f64, f64) = (22.0, 42.0, 40.0);
/// How much of a panel the highest point takes.
const HIGHEST: f64 = 0.85;

/// Draws all series, time above and memory below.
pub fn svg(all: &[Series]) -> String {
    let cell = (PANEL.0 + 2.0 * MARGIN.0, PANEL.1 + MARGIN.1 + MARGIN.2);
    let columns = all.iter().fold(0.0, |count, _| count + 1.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        cell.0 * columns,
        cell.1 * 2.0
    );
    let mut left = MARGIN.0;
    for series in all {
        panel(&mut svg, series, (left, MARGIN.1), "processor, µs for each message", |point| point.micros);
        panel(&mut svg, series, (left, cell.1 + MARGIN.1), "memory, kB for each message", |point| point.kilobytes);
        left += cell.0;
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, series: &Series, at: (f64, f64), figure: &str, value: impl Fn(&Point) -> f64) {
    let Series { title, axis, points } = series;
    let most = points.iter().map(&value).fold(1.0, f64::max) / HIGHEST;
    let bottom = at.1 + PANEL.1;
    let mut label = |x: f64, y: f64, anchor: &str, colour: &str, words: &str| {
        let _never_fails =
            writeln!(svg, "<text x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{words}</text>");
    };
    label(at.0, at.1 - 24.0, "start", "#111", title);
    label(at.0, at.1 - 8.0, "start", "#666", figure);
    label(at.0 + PANEL.0 / 2.0, bottom + 32.0, "middle", "#666", axis);
    let (mut line, mut dots) = (String::new(), String::new());
    let step = PANEL.0 / points.iter().fold(0.0, |count, _| count + 1.0);
    let mut x = at.0 + step / 2.0;
    for point in points {
        let y = bottom - value(point) / most * PANEL.1;
        label(x, bottom + 16.0, "middle", "#666", &point.size.to_string());
        label(x, y - 8.0, "middle", "#111", &format!("{:.0}", value(point)));
        let _never_fails = write!(line, "{x:.0},{y:.1} ");
        let _never_fails = writeln!(dots, "<circle cx=\"{x:.0}\" cy=\"{y:.1}\" r=\"3\" fill=\"#075e54\"/>");
        x += step;
    }
    let _never_fails = write!(
        svg,
        "<path d=\"M{:.0} {bottom:.0}h{:.0}\" stroke=\"#999\"/>\n\
         <polyline points=\"{}\" fill=\"none\" stroke=\"#25a366\" stroke-width=\"2\"/>\n{dots}",
        at.0,
        PANEL.0,
        line.trim_end()
    );
}
