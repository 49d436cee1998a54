import Staging
import Synchronization
import WaymarkClient
import WaymarkTesting

/// The clients: each asks for one thing after the other until it is answered, thinks, and now and then asks again for
/// something that it has the answer to.
final class Load: Sendable {
    /// How long one call of the client tries; an order is asked for again after it.
    private static let deadline = Duration.seconds(20)
    /// More than a process is frozen for.
    private static let attemptTimeout = Duration.seconds(10)
    /// A client that waits for longer between two attempts says little about the servers.
    private static let longestPause = Duration.seconds(1)
    /// One in so many is asked for once more.
    private static let repeated = 8
    /// How many of its last orders a client remembers to repeat.
    private static let memory = 100

    let records = Records()
    let clients: Int
    private let think: Duration
    private let seed: UInt64
    private let client: WaymarkClient
    /// When nobody waits any more; nil as long as something new is asked for.
    private let ends = Mutex<ContinuousClock.Instant?>(nil)

    /// - Parameter think: how long a client waits before it asks for the next thing, on average.
    init(clients: Int, think: Duration, seed: UInt64, servers: ServerRegistry) {
        self.clients = clients
        self.think = think
        self.seed = seed
        var rules = RetryRules()
        rules.deadline = Self.deadline
        rules.attemptTimeout = Self.attemptTimeout
        rules.cap = Self.longestPause
        client = WaymarkClient(bases: { servers.all }, retry: rules)
    }

    /// Asks until `end()`, and then for the answers to what was asked for.
    func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for number in 1...clients { group.addTask { try await self.runClient(number) } }
        }
    }

    /// Nothing new is asked for from now on; who waits gets so much time.
    func end(patience: Duration) { ends.withLock { $0 = .now + patience } }

    /// Asks once more for up to `count` of the orders that were answered.
    func askAgain(_ count: Int) async throws {
        var random = SeededGenerator(seed: seed, stream: 2000)
        let answered = records.all.values.filter { !$0.heard.isEmpty }.map(\.order).sorted { $0.key < $1.key }
        let orders = answered.shuffled(using: &random).prefix(count)
        let share = (orders.count + clients - 1) / clients
        try await withThrowingDiscardingTaskGroup { group in
            for start in stride(from: 0, to: orders.count, by: max(1, share)) {
                group.addTask {
                    for order in orders.dropFirst(start).prefix(share) { try await self.ask(for: order) }
                }
            }
        }
    }

    private func runClient(_ number: Int) async throws {
        var random = SeededGenerator(seed: seed, stream: 3000 + UInt64(number))
        var answered: [Order] = []
        var count = 0
        while ends.withLock({ $0 }) == nil {
            // Up to twice as long, evenly: the clients stay out of step.
            try await Task.sleep(for: think * Double.random(in: 0...2, using: &random))
            count += 1
            let order = Order(key: "\(number)-\(count)", using: &random)
            records.begin(order)
            if try await ask(for: order) { answered.append(order) }
            if answered.count > Self.memory { answered.removeFirst() }
            if Int.random(in: 0..<Self.repeated, using: &random) == 0, let old = answered.randomElement(using: &random)
            {
                try await ask(for: old)
            }
        }
    }

    /// Asks until there is an answer, or nobody waits any more.
    /// - Returns: Whether there was one.
    @discardableResult
    private func ask(for order: Order) async throws -> Bool {
        while true {
            do {
                let answer = try await order.send(by: client)
                let heard = Records.Heard(status: answer.status, body: answer.body, isParked: answer.isParked)
                records.note(heard, to: order)
                return true
            } catch let error as WaymarkClientError where error.code == .deadlineExceeded {
                guard let end = ends.withLock({ $0 }), .now >= end else { continue }
                records.noteSilence("\(error)", to: order)
                return false
            }
        }
    }
}
