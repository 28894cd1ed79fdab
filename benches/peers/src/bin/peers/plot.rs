//! The plot: CPU time of the server per delivery, one panel of bars per fan-out
//! work, each with its own scale.

use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea, PathElement, RGBColor};
use plotters::prelude::{Rectangle, SVGBackend, ShapeStyle, Text, WHITE};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontStyle, IntoFont as _, TextStyle};

use crate::column::{columns, figure};
use crate::results::{Results, Spread};
use crate::server::Server;
use crate::work::Work;

const PANEL_WIDTH: i32 = 330;
const ROW_HEIGHT: i32 = 30;
const BAR_HEIGHT: i32 = 20;
/// The height above the bars, for the titles of the plot and of the panel.
const TOP: i32 = 84;
const BOTTOM: i32 = 16;
/// The width left of the bars, for the servers' names.
const NAMES: i32 = 84;
/// The width right of the longest bar, for its figure.
const FIGURES: i32 = 60;

const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const OURS: RGBColor = RGBColor(0x1f, 0x6f, 0xb4);
const THEIRS: RGBColor = RGBColor(0xa9, 0xb4, 0xbf);
const RANGE: RGBColor = RGBColor(0x55, 0x5f, 0x69);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the plot; `None` without fan-out results.
pub(crate) fn svg(
    results: &Results,
    works: &[Work],
    servers: &[Server],
) -> Result<Option<String>, String> {
    if works.is_empty() {
        return Ok(None);
    }
    let mut text = String::new();
    draw(&mut text, results, works, servers).map_err(|error| format!("the plot: {error}"))?;
    Ok(Some(text))
}

fn draw(
    text: &mut String,
    results: &Results,
    works: &[Work],
    servers: &[Server],
) -> Result<(), Box<dyn std::error::Error>> {
    let width = PANEL_WIDTH * i32::try_from(works.len())? + 20;
    let height = TOP + ROW_HEIGHT * i32::try_from(servers.len())? + BOTTOM;
    let size = (width.cast_unsigned(), height.cast_unsigned());
    let area = SVGBackend::with_string(text, size).into_drawing_area();
    area.fill(&WHITE)?;
    let title = "CPU time of the server per delivery, in µs (shorter is better)";
    write(&area, title, (16, 24), 18, HPos::Left)?;
    let mut left = 16;
    for work in works {
        panel(&area, left, *work, results, servers)?;
        left += PANEL_WIDTH;
    }
    area.present()?;
    Ok(())
}

fn panel(
    area: &Area<'_>,
    left: i32,
    work: Work,
    results: &Results,
    servers: &[Server],
) -> Result<(), Box<dyn std::error::Error>> {
    write(area, work.title(), (left, 60), 14, HPos::Left)?;
    let spread = |server: &Server| results.spread(work, *server, columns(work)[0]);
    let most = servers.iter().filter_map(spread).map(|spread| spread.max);
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    let longest = f64::from(PANEL_WIDTH - NAMES - FIGURES);
    let pixels = |value: f64| (value / most * longest).round() as i32;
    let mut middle = TOP + ROW_HEIGHT / 2;
    for server in servers {
        write(
            area,
            server.name(),
            (left + NAMES - 8, middle),
            13,
            HPos::Right,
        )?;
        let from = (left + NAMES, middle);
        match spread(server) {
            Some(spread) => bar(area, from, spread, *server, pixels)?,
            None => write(area, "not measured", from, 13, HPos::Left)?,
        }
        middle += ROW_HEIGHT;
    }
    Ok(())
}

/// Draws the median as a bar, the range as a line, and the figure after them.
fn bar(
    area: &Area<'_>,
    (left, middle): (i32, i32),
    spread: Spread,
    server: Server,
    pixels: impl Fn(f64) -> i32,
) -> Result<(), Box<dyn std::error::Error>> {
    let half = BAR_HEIGHT / 2;
    let color = if server == Server::SseChat {
        OURS
    } else {
        THEIRS
    };
    let corners = [
        (left, middle - half),
        (left + pixels(spread.median), middle + half),
    ];
    area.draw(&Rectangle::new(corners, color.filled()))?;
    let (from, to) = (left + pixels(spread.min), left + pixels(spread.max));
    if from < to {
        let line = ShapeStyle::from(&RANGE).stroke_width(2);
        area.draw(&PathElement::new(vec![(from, middle), (to, middle)], line))?;
    }
    let place = (left + pixels(spread.max) + 6, middle);
    write(area, &figure(spread.median), place, 13, HPos::Left)
}

fn write(
    area: &Area<'_>,
    text: &str,
    place: (i32, i32),
    size: i32,
    across: HPos,
) -> Result<(), Box<dyn std::error::Error>> {
    let style = TextStyle::from(("sans-serif", size, FontStyle::Normal).into_font())
        .color(&INK)
        .pos(Pos::new(across, VPos::Center));
    area.draw(&Text::new(text.to_owned(), place, style))?;
    Ok(())
}
