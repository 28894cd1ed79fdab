//! Random generators whose seeds are printed, so that a failure can be repeated.

/// A random generator for `test`. Its seed is the number in `variable`, or a new one.
pub(crate) fn random(test: &str, variable: &str) -> fastrand::Rng {
    let seed = number(variable).unwrap_or_else(|| fastrand::u64(..));
    println!("{test}: {variable}={seed}");
    fastrand::Rng::with_seed(seed)
}

/// The number in an environment variable, if it is set.
pub(crate) fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is not a number")),
    )
}
