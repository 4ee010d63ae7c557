//! One thing after the other, on as many processors as there are.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// What becomes of each item, in their order; the first error of that order, after which no further item is begun.
pub(super) fn each<T: Sync, R: Send, E: Send>(
    items: &[T],
    of: impl Fn(usize, &T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done: Vec<Mutex<Option<Result<R, E>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let (Some(item), Some(place)) = (items.get(at), done.get(at)) else { return };
            let result = of(at, item);
            if result.is_err() {
                failed.store(true, Ordering::Relaxed);
            }
            *place.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(result);
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(items.len());
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    // Items are begun in their order, so that what was not begun stands behind the error.
    done.into_iter().filter_map(|place| place.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_and_the_first_error_counts() {
        let items: Vec<usize> = (0..100).collect();
        let double = |at: usize, item: &usize| if at == *item { Ok(item * 2) } else { Err(at) };
        assert_eq!(each(&items, double), Ok((0..100).map(|item| item * 2).collect()));
        let odd = |_: usize, item: &usize| if *item < 40 { Ok(*item) } else { Err(*item) };
        assert_eq!(each(&items, odd), Err(40));
        assert_eq!(each(&[0_u8; 0], |at, _| if at == 0 { Ok(at) } else { Err(at) }), Ok(Vec::new()));
    }
}
