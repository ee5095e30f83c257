//! Settings of the tuned phase: what a destination, or the service itself, gets beyond being defined.
//!
//! ```text
//! GraphSnapshot + Policy + previous EgressModel -> tune -> Tuning per destination and per service -> renderers
//! ```
//! Every value carries the formula and the names of the facts that it came from; the numbers are in the evidence, so that
//! the model changes only when a setting does. Formulas: `docs/settings.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How far a destination goes beyond being defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Defined, and nothing else changes: no timeouts, no retries, no limits below those of an undefined one.
    #[default]
    Transparent,
    /// Settings from observed facts.
    Tuned,
}

macro_rules! setting_names {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A setting; the unit is part of its name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum SettingName {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl SettingName {
            /// Every setting, in the order of its declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The spelling in JSON and in the policy.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

setting_names! {
    /// Time to establish a connection.
    ConnectTimeout = "connect_timeout_ms",
    /// Time for a whole call, retries included; 0 is none.
    RouteTimeout = "route_timeout_ms",
    /// Time for one attempt; only on routes that retry.
    PerTryTimeout = "per_try_timeout_ms",
    /// Further attempts of calls with a safe method.
    SafeRetries = "safe_retries",
    /// Further attempts of any call that has certainly not been processed.
    UnsentRetries = "unsent_retries",
    /// Share of active calls that may be retries.
    RetryBudget = "retry_budget_percent",
    /// Retries that are allowed however few calls are active.
    RetryMinConcurrency = "retry_min_concurrency",
    /// Calls under way at once.
    MaxRequests = "max_requests",
    /// Calls waiting for a connection.
    MaxPendingRequests = "max_pending_requests",
    /// Connections.
    MaxConnections = "max_connections",
    /// Failures in a row that eject a host.
    Consecutive5xx = "consecutive_5xx",
    /// How often ejections are weighed.
    EjectionInterval = "ejection_interval_ms",
    /// First time of ejection.
    BaseEjection = "base_ejection_ms",
    /// Longest time of ejection.
    MaxEjection = "max_ejection_ms",
    /// Share of hosts that may be ejected.
    MaxEjectionPercent = "max_ejection_percent",
    /// Whether one host may always be ejected, whatever the share.
    AlwaysEjectOneHost = "always_eject_one_host",
    /// Whether hosts are compared by success rate.
    SuccessRateEjection = "success_rate_ejection",
    /// Whether the least loaded of two hosts is chosen.
    LeastRequest = "least_request",
    /// Time in which a new host gets its full share.
    SlowStart = "slow_start_ms",
    /// Hosts from which on calls stay in their zone.
    ZoneAwareMinHosts = "zone_aware_min_hosts",
    /// Longest life of an idle connection, below the server's own.
    UpstreamIdle = "upstream_idle_ms",
    /// Longest life of a connection.
    MaxConnectionDuration = "max_connection_duration_ms",
    /// Inbound: calls that are always let in.
    MinConcurrency = "min_concurrency",
    /// Inbound: calls that are never exceeded.
    MaxConcurrency = "max_concurrency",
    /// Inbound: calls from which the ideal round trip is measured.
    MinRttRequests = "min_rtt_requests",
    /// Inbound: how often it is measured.
    MinRttInterval = "min_rtt_interval_ms",
    /// Inbound: tolerated growth of the round trip.
    RttBuffer = "rtt_buffer_percent",
}

impl SettingName {
    /// The feature that it belongs to.
    #[must_use]
    pub const fn feature(self) -> Feature {
        match self {
            Self::RouteTimeout | Self::PerTryTimeout => Feature::Timeouts,
            Self::SafeRetries
            | Self::UnsentRetries
            | Self::RetryBudget
            | Self::RetryMinConcurrency => Feature::Retries,
            Self::MaxRequests | Self::MaxPendingRequests | Self::MaxConnections => {
                Feature::CircuitBreakers
            }
            Self::Consecutive5xx
            | Self::EjectionInterval
            | Self::BaseEjection
            | Self::MaxEjection
            | Self::MaxEjectionPercent
            | Self::AlwaysEjectOneHost
            | Self::SuccessRateEjection => Feature::OutlierDetection,
            Self::LeastRequest => Feature::LeastRequest,
            Self::SlowStart => Feature::SlowStart,
            Self::ZoneAwareMinHosts => Feature::ZoneAware,
            Self::ConnectTimeout | Self::UpstreamIdle | Self::MaxConnectionDuration => {
                Feature::Connections
            }
            Self::MinConcurrency
            | Self::MaxConcurrency
            | Self::MinRttRequests
            | Self::MinRttInterval
            | Self::RttBuffer => Feature::AdaptiveConcurrency,
        }
    }

    /// Whether it is about a service's own inbound traffic; all others are about a destination.
    #[must_use]
    pub const fn is_inbound(self) -> bool {
        matches!(self.feature(), Feature::AdaptiveConcurrency)
    }

    /// The numbers that it can be, least and most; `None` for a setting that is on or off.
    #[must_use]
    pub const fn range(self) -> Option<(u64, u64)> {
        /// A day.
        const LONGEST_MS: u64 = 86_400_000;
        const MOST: u64 = u32::MAX as u64;
        match self {
            Self::AlwaysEjectOneHost | Self::SuccessRateEjection | Self::LeastRequest => None,
            // 0 is none.
            Self::RouteTimeout => Some((0, LONGEST_MS)),
            Self::ConnectTimeout
            | Self::UpstreamIdle
            | Self::MaxConnectionDuration
            | Self::PerTryTimeout
            | Self::EjectionInterval
            | Self::BaseEjection
            | Self::MaxEjection
            | Self::SlowStart
            | Self::MinRttInterval => Some((1, LONGEST_MS)),
            Self::SafeRetries | Self::UnsentRetries => Some((0, 10)),
            Self::RetryBudget | Self::MaxEjectionPercent | Self::RttBuffer => Some((0, 100)),
            Self::RetryMinConcurrency => Some((0, MOST)),
            Self::MaxRequests
            | Self::MaxPendingRequests
            | Self::MaxConnections
            | Self::Consecutive5xx
            | Self::ZoneAwareMinHosts
            | Self::MinConcurrency
            | Self::MaxConcurrency
            | Self::MinRttRequests => Some((1, MOST)),
        }
    }

    /// Whether a value is of its kind and in its range.
    #[must_use]
    pub const fn allows(self, value: SettingValue) -> bool {
        match (self.range(), value) {
            (None, SettingValue::Flag(_)) => true,
            (Some((least, most)), SettingValue::Number(number)) => {
                least <= number && number <= most
            }
            _ => false,
        }
    }
}

/// Value of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// On or off.
    Flag(bool),
    /// A whole number in the unit of the name.
    Number(u64),
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingSource {
    /// A constant of the formula: no fact moves it.
    Constant,
    /// Observed facts.
    Observed,
    /// The policy.
    Policy,
    /// The previous model: what is seen now says nothing about it, because the destination was not seen. (A value that
    /// stays because the facts moved little keeps the source that it had, so that nothing of the file changes.)
    Kept,
}

/// A setting and what it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The value.
    pub value: SettingValue,
    /// Where it comes from.
    pub source: SettingSource,
    /// The formula, for people; of a value from the policy, its place there.
    pub formula: String,
    /// Names of the facts in it, as in the evidence.
    pub facts: Vec<String>,
}

/// A feature of the mesh that settings belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Route and per-try timeouts.
    Timeouts,
    /// Retries and their budget.
    Retries,
    /// Limits on connections and calls.
    CircuitBreakers,
    /// Ejection of failing hosts.
    OutlierDetection,
    /// Least-request load balancing.
    LeastRequest,
    /// Slow start of new hosts.
    SlowStart,
    /// Calls that stay in their zone.
    ZoneAware,
    /// Life of connections.
    Connections,
    /// Inbound load shedding.
    AdaptiveConcurrency,
}

/// A feature that does not act, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Absent {
    /// The feature.
    pub feature: Feature,
    /// Why, in a sentence without counts.
    pub reason: String,
}

/// What was decided for a destination, or for the service's own inbound traffic.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tuning {
    /// Phase that the settings belong to.
    pub phase: Phase,
    /// Settings in force; those of the transparent phase are constants.
    pub settings: BTreeMap<SettingName, Setting>,
    /// Features for which the evidence does not suffice, with what is missing.
    pub withheld: Vec<Absent>,
    /// Features that are set or could be, and do nothing here, with the reason.
    pub inert: Vec<Absent>,
}

impl Tuning {
    /// A number, when the setting is in force.
    #[must_use]
    pub fn number(&self, name: SettingName) -> Option<u64> {
        match self.settings.get(&name)?.value {
            SettingValue::Number(number) => Some(number),
            SettingValue::Flag(_) => None,
        }
    }

    /// Whether a setting is on.
    #[must_use]
    pub fn flag(&self, name: SettingName) -> bool {
        let setting = self.settings.get(&name);
        setting.is_some_and(|setting| setting.value == SettingValue::Flag(true))
    }
}
