//! A value that one client changes, request after request, and that others observe: what an
//! observer may see of it at a time. What was acknowledged or observed must not be undone.

/// A moment of the test: the number of what was recorded before.
pub(crate) type Time = u64;

/// All values that were requested, in order. The first needs no request.
#[derive(Debug)]
pub(crate) struct Register<T> {
    values: Vec<T>,
    /// From these moments on, the value is not an older one than this.
    floors: Vec<(Time, usize)>,
}

/// An observation that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// A value that was never requested.
    Unknown,
    /// A value that was replaced before.
    Undone,
}

impl<T: PartialEq> Register<T> {
    pub(crate) fn new(first: T) -> Self {
        Self {
            values: vec![first],
            floors: vec![(0, 0)],
        }
    }

    /// A change to this value is sent for the first time.
    pub(crate) fn request(&mut self, value: T) {
        self.values.push(value);
    }

    /// The last requested change is answered.
    pub(crate) fn acknowledge(&mut self, now: Time) {
        self.raise(now, self.values.len() - 1);
    }

    /// Checks a value that was read by a request of the time `since`, and answered now.
    /// Returns its version: the number of changes before it.
    pub(crate) fn observe(&mut self, value: &T, since: Time, now: Time) -> Result<usize, Misfit> {
        let floor = self.floor(since);
        let found = (floor..self.values.len()).find(|&version| self.values[version] == *value);
        match found {
            Some(version) => {
                self.raise(now, version);
                Ok(version)
            }
            None if self.values.contains(value) => Err(Misfit::Undone),
            None => Err(Misfit::Unknown),
        }
    }

    /// The last requested value.
    pub(crate) fn last(&self) -> &T {
        self.values.last().expect("there is a first value")
    }

    pub(crate) fn first(&self) -> &T {
        self.values.first().expect("there is a first value")
    }

    /// The number of changes up to this value; `None` if it was never requested.
    pub(crate) fn version(&self, value: &T) -> Option<usize> {
        self.values.iter().position(|requested| requested == value)
    }

    /// The number of requested changes.
    pub(crate) fn changes(&self) -> usize {
        self.values.len() - 1
    }

    /// The oldest version that may be read from `time` on.
    fn floor(&self, time: Time) -> usize {
        let past = self.floors.partition_point(|(at, _)| *at <= time);
        self.floors[..past]
            .last()
            .map_or(0, |(_, version)| *version)
    }

    fn raise(&mut self, now: Time, version: usize) {
        if self.floors.last().is_none_or(|(_, last)| *last < version) {
            self.floors.push((now, version));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Misfit, Register};

    #[test]
    fn an_acknowledged_value_is_not_undone() {
        let mut register = Register::new("a");
        register.request("b");
        // It was not answered, so both are possible.
        assert_eq!(register.observe(&"a", 1, 1), Ok(0));
        register.acknowledge(2);
        assert_eq!(
            register.observe(&"a", 1, 3),
            Ok(0),
            "asked before the answer"
        );
        assert_eq!(register.observe(&"a", 2, 3), Err(Misfit::Undone));
        assert_eq!(register.observe(&"b", 2, 3), Ok(1));
        assert_eq!(register.observe(&"c", 2, 3), Err(Misfit::Unknown));
    }

    #[test]
    fn an_observed_value_is_not_undone() {
        let mut register = Register::new(false);
        register.request(true);
        assert_eq!(register.observe(&true, 5, 6), Ok(1));
        assert_eq!(register.observe(&false, 6, 7), Err(Misfit::Undone));
    }

    #[test]
    fn a_value_that_returns_is_a_new_version() {
        let mut register = Register::new(false);
        register.request(true);
        register.acknowledge(1);
        register.request(false);
        assert_eq!(register.observe(&false, 1, 2), Ok(2));
        assert_eq!(register.observe(&true, 2, 3), Err(Misfit::Undone));
    }
}
