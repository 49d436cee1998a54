import Foundation
import Staging
import WaymarkClient

/// The clients: each books one ride after the other, and asks until it is answered.
struct Riders: Sendable {
    /// How long a client asks before it gives its ride up for lost.
    private static let deadline = Duration.seconds(60)
    /// A ride takes a fraction of a second; a server that is silent for longer is in trouble.
    private static let attemptTimeout = Duration.seconds(10)

    let orders: [RideOrder]
    let clients: Int
    let tally: Tally
    private let client: WaymarkClient

    init(orders: [RideOrder], clients: Int, servers: ServerRegistry, tally: Tally) {
        self.orders = orders
        self.clients = clients
        self.tally = tally
        var rules = RetryRules()
        rules.deadline = Self.deadline
        rules.attemptTimeout = Self.attemptTimeout
        client = WaymarkClient(bases: { servers.all }, retry: rules, observe: { tally.count($0) })
    }

    /// Books every ride at its time.
    func bookAll() async throws -> [RideResult] {
        let started = ContinuousClock.now
        return try await forEach { order in
            try await Task.sleep(until: started + order.dueAt, clock: .continuous)
            tally.begin()
            defer { tally.end() }
            return try await book(order)
        }
    }

    /// Sends every request once more: what comes now is a replay of the one answer.
    func askAgain() async throws -> [RideResult] {
        try await forEach { order in try await book(order, doubled: false) }
    }

    /// Asks for one ride, twice at once where it is doubled, until all answers are there.
    private func book(_ order: RideOrder, doubled: Bool = true) async throws -> RideResult {
        let started = ContinuousClock.now
        async let first = send(order)
        async let second = doubled && order.isDoubled ? send(order) : nil
        let replies = try await [first, second].compactMap(\.self)
        return RideResult(order: order, replies: replies, duration: .now - started)
    }

    /// Asks until there is an answer, or the client's patience is over.
    private func send(_ order: RideOrder) async throws -> RideResult.Reply {
        do {
            let headers = ["Authorization": order.rider]
            return .answer(try await client.post("/rides", json: order.fields, key: order.key, headers: headers))
        } catch let error as WaymarkClientError {
            return .none("\(error)")
        }
    }

    /// Has the clients share the orders.
    private func forEach(_ body: @escaping @Sendable (RideOrder) async throws -> RideResult) async throws
        -> [RideResult]
    {
        let queue = OrderQueue(orders)
        return try await withThrowingTaskGroup(of: [RideResult].self) { group in
            for _ in 0..<clients {
                group.addTask {
                    var results: [RideResult] = []
                    while let order = queue.next() { results.append(try await body(order)) }
                    return results
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }
}
