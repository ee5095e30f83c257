//! Settings of whole models: the worked example, what is withheld, the policy, hysteresis, hostile numbers.

mod example;
