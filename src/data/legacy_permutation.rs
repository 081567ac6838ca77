//! NumPy's legacy shuffle, for splits that were published as `RandomState(seed).permutation(n)`.

const WORDS: usize = 624;
const MIDDLE: usize = 397;

/// The Mersenne Twister MT19937 as `numpy.random.RandomState(seed)` starts it. Source: Matsumoto and Nishimura 1998,
/// seeded by Knuth's recurrence.
#[derive(Debug, Clone)]
struct MersenneTwister {
    state: [u32; WORDS],
    next: usize,
}

impl MersenneTwister {
    fn new(seed: u32) -> Self {
        let mut state = [seed; WORDS];
        for i in 1..WORDS {
            let before = state[i - 1] ^ (state[i - 1] >> 30);
            state[i] = before.wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        Self { state, next: WORDS }
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            for i in 0..WORDS {
                let mixed = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % WORDS] & 0x7fff_ffff);
                let twist = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + MIDDLE) % WORDS] ^ (mixed >> 1) ^ twist;
            }
            self.next = 0;
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// A number from 0 to `most`: words under the smallest mask that holds `most`, until one is not above it.
    fn up_to(&mut self, most: u32) -> u32 {
        let mask = u32::MAX >> most.leading_zeros().min(31);
        loop {
            let drawn = self.word() & mask;
            if drawn <= most {
                return drawn;
            }
        }
    }
}

/// `numpy.random.RandomState(seed).permutation(n)`: the numbers 0 to `n - 1`, shuffled.
pub fn legacy_permutation(seed: u32, n: u32) -> Vec<u32> {
    let mut twister = MersenneTwister::new(seed);
    let mut order: Vec<u32> = (0..n).collect();
    for last in (1..n).rev() {
        let other = twister.up_to(last);
        order.swap(last as usize, other as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_permutations_are_those_of_numpy() {
        assert_eq!(legacy_permutation(2023, 14), [11, 8, 12, 2, 0, 5, 10, 4, 3, 1, 13, 6, 9, 7]);
        let test = [48, 63, 28, 58, 75, 39, 47, 53, 17, 22, 52, 3, 33, 55, 70, 25];
        assert_eq!(legacy_permutation(2023, 80)[64..], test);
        assert_eq!((legacy_permutation(2023, 0), legacy_permutation(2023, 1)), (vec![], vec![0]));
    }

    #[test]
    fn large_permutations_begin_as_those_of_numpy() {
        let known: [(u32, [u32; 8]); 7] = [
            (1584, [509, 231, 722, 1278, 410, 810, 976, 802]),
            (2685, [2580, 956, 1192, 702, 1585, 704, 2047, 2369]),
            (3681, [1696, 1479, 1517, 1019, 2295, 1666, 230, 351]),
            (5328, [4777, 16, 1962, 796, 70, 1668, 4971, 3574]),
            (8080, [2438, 2715, 3330, 2936, 269, 2333, 3955, 477]),
            (21_140, [1514, 469, 14_937, 16_065, 3740, 12_780, 3018, 12_342]),
            (30_149, [28_959, 8177, 1928, 26_231, 25_733, 15_798, 5142, 23_595]),
        ];
        for (n, first) in known {
            let order = legacy_permutation(2023, n);
            assert_eq!(order[..8], first, "n = {n}");
            let mut sorted = order;
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..n), "n = {n}: each number once");
        }
    }
}
