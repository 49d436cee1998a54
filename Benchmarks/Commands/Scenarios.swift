/// Every scenario, in the order of the table.
enum Scenarios {
    static let all: [any Scenario] = [
        InteractiveRides(), CoalescedRides(), ForeignOnly(), AcceptOnly(), Replays(), HTTPRides(), HTTPReplays(),
        RideLatency(), AbandonedKeys(), TableSizes(), Reaping(), Draining(), MemoryInFlight(), HotUpdates(),
        PinnedHorizon(),
    ]
}
