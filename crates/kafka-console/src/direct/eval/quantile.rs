//! `histogram_quantile` as Prometheus computes it: linear within a bucket, the lowest bucket from 0, and nothing above
//! the highest finite bound.
//! <https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile>

/// A cumulative bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    /// `le`
    pub(crate) up_to: f64,
    /// Samples of at most that, or their rate.
    pub(crate) count: f64,
}

/// The `q`-quantile, `q` between 0 and 1. `None` where nothing was counted, and without the bucket of all samples
/// (`+Inf`) and another one.
pub(crate) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> Option<f64> {
    buckets.sort_by(|a, b| a.up_to.total_cmp(&b.up_to));
    buckets.dedup_by(|next, kept| {
        let same = next.up_to == kept.up_to;
        if same {
            kept.count += next.count;
        }
        same
    });
    // A proxy counts on while it writes its buckets, so that a sum may fall from one to the next by a little.
    let mut highest = 0.0_f64;
    for bucket in buckets.iter_mut() {
        highest = highest.max(bucket.count);
        bucket.count = highest;
    }
    let (all, finite) = buckets.split_last()?;
    let top = finite.last()?;
    if all.up_to != f64::INFINITY || all.count <= 0.0 {
        return None;
    }
    let rank = q * all.count;
    let Some(at) = finite.iter().position(|bucket| bucket.count >= rank) else {
        return Some(top.up_to);
    };
    let bucket = finite.get(at)?;
    let below = at.checked_sub(1).and_then(|before| finite.get(before));
    match below {
        None if bucket.up_to <= 0.0 => Some(bucket.up_to),
        None => Some(bucket.up_to * (rank / bucket.count)),
        Some(below) => {
            let share = (rank - below.count) / (bucket.count - below.count);
            Some(below.up_to + (bucket.up_to - below.up_to) * share)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(q: f64, buckets: &[(f64, f64)]) -> Option<f64> {
        let mut buckets =
            buckets.iter().map(|(up_to, count)| Bucket { up_to: *up_to, count: *count }).collect();
        quantile(q, &mut buckets)
    }

    const INF: f64 = f64::INFINITY;

    #[test]
    fn it_is_linear_within_a_bucket() {
        let buckets = [(100.0, 10.0), (200.0, 30.0), (400.0, 40.0), (INF, 40.0)];
        assert_eq!(of(0.25, &buckets), Some(100.0));
        assert_eq!(of(0.5, &buckets), Some(150.0));
        assert_eq!(of(0.875, &buckets), Some(300.0));
        assert_eq!(of(1.0, &buckets), Some(400.0));
    }

    #[test]
    fn the_lowest_bucket_begins_at_zero() {
        assert_eq!(of(0.5, &[(100.0, 10.0), (INF, 10.0)]), Some(50.0));
        assert_eq!(of(0.0, &[(100.0, 10.0), (INF, 10.0)]), Some(0.0));
        assert_eq!(of(0.5, &[(-1.0, 10.0), (INF, 10.0)]), Some(-1.0));
    }

    #[test]
    fn nothing_lies_above_the_highest_bound() {
        assert_eq!(of(0.99, &[(100.0, 10.0), (200.0, 10.0), (INF, 20.0)]), Some(200.0));
        assert_eq!(of(0.5, &[(100.0, 0.0), (INF, 20.0)]), Some(100.0));
    }

    #[test]
    fn order_and_small_falls_do_not_matter() {
        let sorted = of(0.5, &[(100.0, 10.0), (200.0, 30.0), (INF, 30.0)]);
        assert_eq!(of(0.5, &[(INF, 30.0), (200.0, 30.0), (100.0, 10.0)]), sorted);
        assert_eq!(of(0.5, &[(100.0, 10.0), (200.0, 30.0), (INF, 29.999)]), sorted);
    }

    #[test]
    fn what_says_nothing_is_none() {
        assert_eq!(of(0.5, &[]), None);
        assert_eq!(of(0.5, &[(INF, 10.0)]), None);
        assert_eq!(of(0.5, &[(100.0, 10.0)]), None, "without +Inf");
        assert_eq!(of(0.5, &[(100.0, 0.0), (INF, 0.0)]), None, "without samples");
    }
}
