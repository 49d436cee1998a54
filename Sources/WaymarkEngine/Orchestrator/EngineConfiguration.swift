import Waymark

/// How an engine behaves. Every default is spelled out.
public struct EngineConfiguration: Sendable {
    /// How long a holder may be silent before others take its keys over. Renewed at a third of it, so a dead holder is
    /// replaced within seconds, and a pause of the process shorter than it goes unnoticed.
    public var lease: Duration = .seconds(15)

    /// How long a finished key answers repeats before the reaper may remove it. Counted from the finish.
    public var retention: Duration = .hours(24)

    /// How long a stop waits for the steps at hand before it cancels them. Below the 30 s that supervisors commonly give.
    public var gracePeriod: Duration = .seconds(10)

    /// The schema that holds Waymark's tables.
    public var schema: SchemaName = .waymark

    /// How commits share transactions; nil has each step commit in one of its own.
    public var coalescing: Coalescing? = .init()

    /// How the commits of write-only phases, acceptances and foreign results share transactions. Each number is more than 0.
    public struct Coalescing: Sendable {
        /// Transactions under way at the same time: one that is being flushed, one that runs, one that is being sent.
        public var transactions = 3
        /// Commits in one transaction at most: no one waits longer than for so many of others.
        public var units = 64
        /// How long commits wait while none of the transactions under way ends: then another begins beside them, as long as
        /// they take no more than half of the pool's connections. Longer than a transaction commonly takes; a commit that comes
        /// while this runs may wait twice as long.
        public var longestWait: Duration = .milliseconds(5)
        /// How long a statement of a shared transaction may run: then its commit is taken out, and runs by itself under its
        /// step's timeout. Others wait for as long, and once more for half of it while it is found out which commit it
        /// is: so they stay within a tenth of a second.
        public var longestStatement: Duration = .milliseconds(50)

        public init() {}
    }

    /// How large values may be.
    public var limits = ValueLimits()

    /// How large requests and outputs may be, as JSON. All of them are in the request's row, which each phase rewrites.
    public struct ValueLimits: Sendable {
        /// Bytes of a request.
        public var requestBytes = Limits.valueBytes
        /// Bytes of each step's output.
        public var outputBytes = Limits.valueBytes

        public init() {}
    }

    package var clock: EngineClock = .system
    /// What the process calls itself, in `locked_by` and in journals.
    package var holder = ProcessIdentity.description

    public init() {}
}

/// Bounds inside the engine, each with its reason.
enum EngineLimits {
    /// In-place reruns of a phase after 40001 or 40P01: conflicts clear up within a few; more means real contention, which
    /// the step's retry policy spreads over time.
    static let conflictReruns = 5
    /// The ceiling of the pause before each such rerun.
    static let conflictPause: Duration = .milliseconds(50)
    /// How long a holder waits for the database to come back before it gives its key up for others to finish. A restart
    /// takes seconds; after two default leases somebody else owns the key anyway.
    static let outagePatience: Duration = .seconds(30)
    /// The pause between two looks at a database that is away.
    static let outagePause: Duration = .milliseconds(250)
    /// Reruns of one step after lost connections before it counts as a failed attempt.
    static let outageReruns = 5
    /// Rounds of accept–read–claim before a caller is told to try again: each lost round means that somebody else made
    /// progress with the very same key.
    static let acceptRounds = 10
    /// How long an acceptance waits for another one of the same key that is not yet committed: longer than a first phase
    /// commonly takes, shorter than a caller notices.
    static let acceptLockWait: Duration = .seconds(2)
    /// What a batch sends at most, but for one item that is larger: neither side should hold much more.
    static let batchBytes = 1 << 20
    /// How long a statement of a shared transaction waits for a lock before its unit is taken out: others wait with it.
    static let coalescedLockWait: Duration = .milliseconds(50)
    /// The longest that ``EngineConfiguration/Coalescing/longestStatement`` grows to where shared statements take long with no
    /// single unit to blame: a longer one would hold up more than it saves.
    static let longestSharedBound: Duration = .seconds(1)
    /// How long a unit that is by itself runs at first. Most that wait for a lock are over by then; they must not queue behind
    /// those that take as long as their steps may.
    static let patience: Duration = .seconds(1)
    /// The share of the pool's connections for parts of shared transactions that failed: one in so many.
    static let partsShare = 4
    /// The same for units that are by themselves for no longer than ``patience``.
    static let patientShare = 8
    /// The same for those that take longer: as many more may not keep the other requests from the database.
    static let unhurriedShare = 4
    /// Holders in a row that a key must have outlived to count as one that kills them: fewer may be a deployment that went
    /// wrong, or machines that are short of memory.
    static let deathsToQuarantine = 3
    /// Such keys of one saga that put it into quarantine: fewer are held off by their attempts.
    static let keysToQuarantine = 3
    /// How often a completionist tries one key of a saga in quarantine: seldom enough for the others to get on in between.
    static let quarantinePause: Duration = .seconds(30)
    /// How often it is looked which sagas are.
    static let quarantineLook: Duration = .seconds(5)
    /// How deep a parked child is looked for below the request that is asked about: one read per level, and a child of a
    /// child of a child is rare.
    static let childLevels = 5
    /// What a caller whose key is being worked on is told to wait: most requests are over by then.
    static let runningRetryAfter: Duration = .seconds(1)
}
