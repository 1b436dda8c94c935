//! Ids by the million: UUIDv7 whose randomness is asked of the system for many at once.

use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

use uuid::{Builder, Uuid};

/// What an id takes of it.
const BYTES: usize = 10;
const IDS: usize = 100;

thread_local! {
    static RANDOM: RefCell<Random> = const { RefCell::new(Random { bytes: [[0; BYTES]; IDS], left: 0 }) };
}

struct Random {
    bytes: [[u8; BYTES]; IDS],
    left: usize,
}

/// A new UUIDv7. Of two in one millisecond, either may sort first.
pub(crate) fn id() -> Uuid {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(now.as_millis()).unwrap_or_default();
    RANDOM.with_borrow_mut(|random| {
        if random.left == 0 {
            if getrandom::fill(random.bytes.as_flattened_mut()).is_err() {
                return Uuid::now_v7();
            }
            random.left = IDS;
        }
        random.left -= 1;
        Builder::from_unix_timestamp_millis(millis, &random.bytes[random.left]).into_uuid()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_of_their_time() {
        let before = Uuid::now_v7();
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(|| (0..1000).map(|_| id()).collect::<Vec<_>>())).collect();
        let ids: HashSet<Uuid> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ids.len(), 4000);
        let since = |id: &Uuid| id.get_timestamp().unwrap().to_unix();
        assert!(ids.iter().all(|id| id.get_version_num() == 7 && since(id).0 >= since(&before).0));
    }
}
