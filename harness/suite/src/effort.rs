//! Work that could grow faster than a file: counted in tests, so that they can hold two sizes against
//! each other without a clock. Elsewhere counting costs nothing.

#[cfg(test)]
thread_local! {
    static SPENT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts units of work: pairs that are compared, characters times characters.
#[inline]
pub(super) fn spent(units: usize) {
    #[cfg(test)]
    SPENT.with(|spent| spent.set(spent.get() + units));
    #[cfg(not(test))]
    let _ = units;
}

/// What a piece of work took on this thread.
#[cfg(test)]
pub(super) fn of(work: impl FnOnce()) -> usize {
    SPENT.with(|spent| spent.set(0));
    work();
    SPENT.with(std::cell::Cell::get)
}
