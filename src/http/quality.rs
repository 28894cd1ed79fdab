//! Lists with quality values, as in `Accept` and `Accept-Encoding` (RFC 9110,
//! section 12.4.2).

use hyper::header::{HeaderMap, HeaderName};

/// One item of a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Preference<'a> {
    /// The text before the first `;`.
    pub(super) name: &'a str,
    /// From 0, not acceptable, to 1.
    pub(super) weight: f32,
    /// Whether it has parameters other than `q`.
    pub(super) has_parameters: bool,
}

/// The items of all header fields named `field`. Malformed ones are skipped.
pub(super) fn preferences(
    headers: &HeaderMap,
    field: HeaderName,
) -> impl Iterator<Item = Preference<'_>> {
    let lists = headers.get_all(field).into_iter();
    lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .filter_map(preference)
}

/// `gzip`, `gzip;q=0.5` or `text/html;level=1;q=0.5`.
fn preference(item: &str) -> Option<Preference<'_>> {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let mut preference = Preference {
        name,
        weight: 1.0,
        has_parameters: false,
    };
    for part in parts {
        let (key, value) = part.split_once('=')?;
        match key.trim().eq_ignore_ascii_case("q") {
            true => preference.weight = weight(value)?,
            false => preference.has_parameters = true,
        }
    }
    Some(preference)
}

fn weight(value: &str) -> Option<f32> {
    let weight = value.trim().parse().ok();
    weight.filter(|weight| (0.0..=1.0).contains(weight))
}
