//! Encodes metrics whose values are read at each scrape, in the form that the
//! registry gives its own: counters get the suffix `_total`, help texts a period.

use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelValue, NoLabelSet,
};
use prometheus_client::metrics::MetricType;

/// The encoder of one scrape.
pub(super) struct MetricEncoder<'a>(pub(super) DescriptorEncoder<'a>);

impl MetricEncoder<'_> {
    pub(super) fn counter(
        &mut self,
        name: &str,
        help: &str,
        value: impl EncodeCounterValue + Copy,
    ) -> fmt::Result {
        self.0
            .encode_descriptor(name, &format!("{help}."), None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    /// A counter for each value of a label.
    pub(super) fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (impl EncodeLabelValue, impl EncodeCounterValue)>,
    ) -> fmt::Result {
        let mut family =
            self.0
                .encode_descriptor(name, &format!("{help}."), None, MetricType::Counter)?;
        for (label_value, value) in values {
            family
                .encode_family(&[(label, label_value)])?
                .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    pub(super) fn gauge(
        &mut self,
        name: &str,
        help: &str,
        value: impl EncodeGaugeValue + Copy,
    ) -> fmt::Result {
        self.0
            .encode_descriptor(name, &format!("{help}."), None, MetricType::Gauge)?
            .encode_gauge(&value)
    }

    /// A gauge for each pair of values of two labels.
    pub(super) fn gauges_of_pairs(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'static str, &'static str); 2], usize)>,
    ) -> fmt::Result {
        let mut family =
            self.0
                .encode_descriptor(name, &format!("{help}."), None, MetricType::Gauge)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// A gauge for each value of a label.
    pub(super) fn gauges(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (impl EncodeLabelValue, impl EncodeGaugeValue)>,
    ) -> fmt::Result {
        let mut family =
            self.0
                .encode_descriptor(name, &format!("{help}."), None, MetricType::Gauge)?;
        for (label_value, value) in values {
            family
                .encode_family(&[(label, label_value)])?
                .encode_gauge(&value)?;
        }
        Ok(())
    }
}
