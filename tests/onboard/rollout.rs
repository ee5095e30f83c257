//! A rollout week by week: plan, join, look, plan again.
