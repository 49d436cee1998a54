import Metrics

/// What the pool tells the metrics backend.
struct PoolMetrics: Sendable {
    private let leased = Gauge(label: "postgres_pool_leased_connections")
    private let idle = Gauge(label: "postgres_pool_idle_connections")
    private let connects = Counter(label: "postgres_pool_connects")
    private let wait = Timer(label: "postgres_pool_wait")

    func record(_ state: inout PoolState) {
        idle.record(state.machine.idle.count)
        leased.record(state.machine.leasedCount)
    }

    func connected() {
        connects.increment()
    }

    func waited(_ duration: Duration) {
        wait.recordNanoseconds(Int64(duration / .nanoseconds(1)))
    }
}
