//! A chart: two axes, lines, and a legend.

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::{
    ChartBuilder, Circle, DashedLineSeries, DrawingArea, DrawingBackend, IntoFont as _, LineSeries,
    PathElement, RGBColor, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontDesc, ShapeStyle, TextStyle};

use crate::quantity::round_number;
use crate::report::scale::Scale;

pub(super) const FONT: &str = "system-ui, sans-serif";
pub(super) const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);
/// Distinct with colour blindness, too (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
];
/// The width of the legend, and the height of a name.
const LEGEND: i32 = 280;
const NAME_HEIGHT: i32 = 22;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

/// A chart.
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) x_name: &'static str,
    pub(super) x: Scale,
    pub(super) x_tick: fn(f64) -> String,
    pub(super) y_name: &'static str,
    pub(super) y: Scale,
    pub(super) lines: Vec<Line>,
}

/// A line of a chart.
pub(super) struct Line {
    pub(super) name: String,
    /// The index of its colour; colours repeat.
    pub(super) colour: usize,
    /// For a second line of the same colour.
    pub(super) dashed: bool,
    pub(super) points: Vec<(f64, f64)>,
}

impl Chart {
    /// Draws it on `area`, with a legend if there is more than one line.
    pub(super) fn draw<'a>(&self, area: &Area<'a>) -> Drawn<'a> {
        let width = area.dim_in_pixel().0 as i32;
        let (plot, names) = match self.lines.len() {
            0 | 1 => (area.clone(), None),
            _ => {
                let (plot, names) = area.split_horizontally(width - LEGEND);
                (plot, Some(names))
            }
        };
        self.draw_plot(&plot)?;
        match names {
            _ if self.lines.is_empty() => nothing(&plot),
            Some(names) => self.draw_legend(&names),
            None => Ok(()),
        }
    }

    fn draw_plot<'a>(&self, area: &Area<'a>) -> Drawn<'a> {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .caption(&self.title, font(18))
            .x_label_area_size(48)
            .y_label_area_size(88)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        chart
            .configure_mesh()
            .x_desc(self.x_name)
            .y_desc(self.y_name)
            .x_label_formatter(&|at| (self.x_tick)(self.x.value(*at)))
            .y_label_formatter(&|at| round_number(self.y.value(*at)))
            .label_style(font(15))
            .axis_style(INK)
            .bold_line_style(GRID)
            .light_line_style(GRID)
            .draw()?;
        for line in &self.lines {
            let points = self.positions(line);
            let style = line.style();
            if let [point] = points[..] {
                chart.draw_series([Circle::new(point, 4, style.filled())])?;
            } else if line.dashed {
                chart.draw_series(DashedLineSeries::new(points, 7, 4, style))?;
            } else {
                chart.draw_series(LineSeries::new(points, style))?;
            }
        }
        Ok(())
    }

    fn positions(&self, line: &Line) -> Vec<(f64, f64)> {
        let points = line.points.iter();
        let position = |(x, y): &(f64, f64)| Some((self.x.position(*x)?, self.y.position(*y)?));
        points.filter_map(position).collect()
    }

    fn draw_legend<'a>(&self, area: &Area<'a>) -> Drawn<'a> {
        let height = area.dim_in_pixel().1 as i32;
        // Below the title; names without room are left out.
        let places = (52..height - NAME_HEIGHT).step_by(NAME_HEIGHT as usize);
        for (line, y) in self.lines.iter().zip(places) {
            let ends: &[[(i32, i32); 2]] = match line.dashed {
                true => &[[(0, y), (7, y)], [(11, y), (18, y)]],
                false => &[[(0, y), (18, y)]],
            };
            for end in ends {
                area.draw(&PathElement::new(*end, line.style()))?;
            }
            let style = font(15).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(line.name.as_str(), (26, y), style))?;
        }
        Ok(())
    }
}

impl Line {
    fn style(&self) -> ShapeStyle {
        COLOURS[self.colour % COLOURS.len()].stroke_width(2)
    }
}

fn nothing<'a>(area: &Area<'a>) -> Drawn<'a> {
    let (width, height) = area.dim_in_pixel();
    let style = font(20).pos(Pos::new(HPos::Center, VPos::Center));
    let centre = (width as i32 / 2, height as i32 / 2);
    area.draw(&Text::new("no data", centre, style))
}

fn font(size: i32) -> TextStyle<'static> {
    let font: FontDesc<'static> = (FONT, size).into_font();
    font.color(&INK)
}
