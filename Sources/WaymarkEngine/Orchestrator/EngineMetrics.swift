import Metrics

/// What the engine counts, for whatever metrics backend the process has bootstrapped.
struct EngineMetrics: Sendable {
    private let accepted = Counter(label: "waymark_keys_accepted_total")
    private let claimed = Counter(label: "waymark_keys_claimed_total")
    private let committedSteps = Counter(label: "waymark_steps_committed_total")
    private let parkedKeys = Counter(label: "waymark_keys_parked_total")
    private let lostLeases = Counter(label: "waymark_leases_lost_total")
    private let reaped = Counter(label: "waymark_keys_reaped_total")
    private let delivered = Counter(label: "waymark_jobs_delivered_total")
    private let failedJobs = Counter(label: "waymark_jobs_failed_total")

    func accept() { accepted.increment() }
    func claim(_ count: Int) { claimed.increment(by: count) }
    func commitStep() { committedSteps.increment() }
    func park() { parkedKeys.increment() }
    func loseLease() { lostLeases.increment() }
    func reap(_ count: Int) { reaped.increment(by: count) }
    func deliver() { delivered.increment() }
    func failJob() { failedJobs.increment() }
}
