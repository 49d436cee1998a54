import Foundation
import PostgresPQ
import Synchronization
import Waymark

/// What a test tells a saga's steps to do, and what they did.
final class Script: Sendable {
    private struct State {
        var failures: [String: [any Error]] = [:]
        var calls: [String: [String]] = [:]
        var ended: Set<String> = []
        var gates: [String: AsyncStream<Void>] = [:]
        var onCancellation: [String: any Error] = [:]
        var hanging: [String: Task<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    /// The next tries of `step` throw these, in order.
    func fail(_ step: String, with errors: any Error...) {
        state.withLock { $0.failures[step, default: []] += errors }
    }

    /// The keys or inputs that `step` was performed with, in order.
    func calls(of step: String) -> [String] {
        state.withLock { $0.calls[step] ?? [] }
    }

    /// Whether a try at `step` is over, however it ended.
    func hasEnded(_ step: String) -> Bool {
        state.withLock { $0.ended.contains(step) }
    }

    /// Has `step` wait until the returned function is called.
    func hold(_ step: String) -> @Sendable () -> Void {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { $0.gates[step] = stream }
        return { continuation.finish() }
    }

    /// Has `step` wait for its cancellation, and then throw an error of its own, as HTTP libraries do.
    func ignoreCancellation(of step: String, thenThrow error: any Error) {
        state.withLock { $0.onCancellation[step] = error }
    }

    /// Has `step` wait, deaf to cancellation, until the returned function is called.
    func hang(_ step: String) -> @Sendable () -> Void {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        let gate = Task { for await _ in stream {} }
        state.withLock { $0.hanging[step] = gate }
        return { continuation.finish() }
    }

    func perform(_ step: String, _ argument: String) async throws {
        let (gate, onCancellation, hanging) = state.withLock { state in
            state.calls[step, default: []].append(argument)
            return (state.gates[step], state.onCancellation[step], state.hanging[step])
        }
        // The value of an unstructured task is waited for whether or not the waiter is cancelled.
        await hanging?.value
        if let onCancellation {
            let (never, _) = AsyncStream<Void>.makeStream()
            for await _ in never {}
            throw onCancellation
        }
        defer { state.withLock { _ = $0.ended.insert(step) } }
        if let gate {
            for await _ in gate {}
            try Task.checkCancellation()
        }
        let error = state.withLock { state -> (any Error)? in
            guard let first = state.failures[step]?.first else { return nil }
            state.failures[step]?.removeFirst()
            return first
        }
        if let error { throw error }
    }
}

struct Order: Codable, Sendable, Equatable {
    var item: String
    var quantity = 1
}

struct Reservation: Codable, Sendable, Equatable {
    let item: String
    let id: UUID
}

struct Payment: Codable, Sendable, Equatable {
    let reservation: Reservation
    let charge: String
}

struct Receipt: Codable, Sendable, Equatable {
    let charge: String
    let item: String
}

struct ShipIt: Job, Equatable {
    static let name = "ship-it"
    let item: String
    let number: Int
}

/// Two phases around a call, as most requests are; every step asks its script.
struct PlaceOrder: Saga {
    static let name = "place-order"
    let script: Script
    var retry: RetryPolicy = .exponential(attempts: 4, base: .milliseconds(1), cap: .milliseconds(5))
    var timeout: Duration = .seconds(10)
    var horizon: Duration = .hours(24)

    static let tables = """
        CREATE TABLE effects (key_id uuid NOT NULL, step text NOT NULL, item text NOT NULL);
        """

    var body: some Step<Order, Receipt> {
        AtomicPhase("reserved", reserve)
            .retry(retry)
            .compensate(retry: retry, unreserve)
        ForeignCall("charged", .keyed(horizon: horizon), charge)
            .retry(retry)
            .timeout(timeout)
            .compensate(retry: retry, refund)
        AtomicPhase("confirmed", confirm)
            .retry(retry)
    }

    func reserve(_ order: Order, _ tx: Transaction) async throws -> Reservation {
        try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'reserved', \(order.item))")
        try await script.perform("reserved", order.item)
        return Reservation(item: order.item, id: UUID())
    }

    func unreserve(_ reservation: Reservation, _ tx: Transaction) async throws {
        try await script.perform("unreserve", reservation.id.uuidString)
        try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'unreserved', \(reservation.item))")
    }

    func charge(_ reservation: Reservation, _ call: Call) async throws -> Payment {
        try await script.perform("charged", call.idempotencyKey)
        return Payment(reservation: reservation, charge: "ch_\(call.idempotencyKey.prefix(8))")
    }

    func refund(_ payment: Payment, _ call: Call) async throws {
        try await script.perform("refund", call.idempotencyKey)
    }

    func confirm(_ payment: Payment, _ tx: Transaction) async throws -> Receipt {
        try await script.perform("confirmed", payment.charge)
        try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'confirmed', \(payment.reservation.item))")
        try tx.stage(ShipIt(item: payment.reservation.item, number: 1))
        try tx.stage(ShipIt(item: payment.reservation.item, number: 2))
        return Receipt(charge: payment.charge, item: payment.reservation.item)
    }
}

/// One call and nothing else: its key must be on record before the call.
struct Notify: Saga {
    static let name = "notify"
    let script: Script

    var body: some Step<Order, Receipt> {
        ForeignCall("notified", .natural, notify)
            .retry(.exponential(attempts: 3, base: .zero, cap: .zero))
    }

    func notify(_ order: Order, _ call: Call) async throws -> Receipt {
        try await script.perform("notified", call.idempotencyKey)
        // What a foreign system may well answer, and what no row can hold.
        let unstorable = ["nul": "\0", "huge": String(repeating: "x", count: Limits.valueBytes)]
        return Receipt(charge: "none", item: unstorable[order.item] ?? order.item)
    }
}
