//! Orders of arrival: every one for small rows, a hundred drawn from a fixed seed for larger ones.

/// Every order of up to five spans; of more, the reversed one and 99 drawn with a fixed seed.
pub(crate) fn orders(count: usize) -> Vec<Vec<usize>> {
    let given: Vec<usize> = (0..count).collect();
    if count <= 5 {
        return permutations(&given);
    }
    let mut state = 0x7ace_3e54;
    let mut orders: Vec<Vec<usize>> = vec![given.iter().rev().copied().collect()];
    while orders.len() < 100 {
        let mut order = given.clone();
        for place in (1..count).rev() {
            order.swap(place, draw(&mut state, place + 1));
        }
        orders.push(order);
    }
    orders
}

/// Every order of the items.
pub(crate) fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for first in items {
        let rest: Vec<usize> = items.iter().copied().filter(|item| item != first).collect();
        for mut tail in permutations(&rest) {
            tail.insert(0, *first);
            all.push(tail);
        }
    }
    all
}

/// A number below `bound` from a SplitMix64 sequence.
fn draw(state: &mut u64, bound: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^= word >> 31;
    usize::try_from(word % bound as u64).expect("smaller than a usize")
}
