import Foundation
import PostgresPQ
import Waymark
import WaymarkTesting

/// Buys something: a phase, a call, and two phases.
struct Purchase: Saga {
    struct Order: Codable, Sendable {
        let item: String
    }

    struct Paid: Codable, Sendable {
        let item: String
        let charge: String
    }

    struct Receipt: Job {
        static let name = "receipt"
        let charge: String
    }

    static let name = "purchase"
    static let script = """
        CREATE TABLE stock (item text PRIMARY KEY, quantity integer NOT NULL);
        INSERT INTO stock VALUES ('book', 10);
        CREATE TABLE sales (id uuid PRIMARY KEY, item text NOT NULL REFERENCES stock, charge text NOT NULL);
        """

    static func matrix(_ saga: Purchase) -> CrashMatrix<Purchase> { CrashMatrix(saga, script: script) }

    let payments: RecordingService
    /// What is passed to the payment service as a key.
    var key: @Sendable (Call) -> String = \.idempotencyKey
    /// What the first phase does besides.
    var aside: @Sendable () async throws -> Void = {}

    var body: some Step<Order, Paid> {
        AtomicPhase("reserved", reserve)
        ForeignCall("charged", .keyed(horizon: .hours(24)), charge)
        AtomicPhase("sold", sell)
        AtomicPhase("receipt_staged", stageReceipt)
    }

    func reserve(_ order: Order, _ tx: Transaction) async throws -> Order {
        try await aside()
        try await tx.execute("UPDATE stock SET quantity = quantity - 1 WHERE item = \(order.item)")
        return order
    }

    func charge(_ order: Order, _ call: Call) async throws -> Paid {
        let key = key(call)
        try await payments.perform("charge", key: key, order.item)
        return Paid(item: order.item, charge: "ch_\(key)")
    }

    func sell(_ paid: Paid, _ tx: Transaction) async throws -> Paid {
        try await tx.execute("INSERT INTO sales VALUES (\(UUID()), \(paid.item), \(paid.charge))")
        return paid
    }

    func stageReceipt(_ paid: Paid, _ tx: Transaction) async throws -> Paid {
        try tx.stage(Receipt(charge: paid.charge))
        return paid
    }
}

/// Pays out through a bank that knows no keys.
struct Payout: Saga {
    struct Order: Codable, Sendable {
        let amount: Int
    }

    static let name = "payout"

    /// Has no idempotency keys: what is sent twice is done twice.
    let bank: RecordingService

    var body: some Step<Order, Order> {
        ForeignCall("paid", .atMostOnce(settling: .minutes(2), reconcile: find), pay)
        AtomicPhase("booked", book)
    }

    func pay(_ order: Order, _ call: Call) async throws -> Order {
        try await bank.perform("pay", key: nil, "\(order.amount)")
        return order
    }

    func find(_ order: Order, _ call: Call) async throws -> Reconciliation<Order> {
        bank.count(of: "pay") > 0 ? .happened(order) : .didNotHappen
    }

    func book(_ order: Order, _ tx: Transaction) async throws -> Order { order }
}

/// Takes a slot, and finds it again by a date with microseconds; what it notes is not stored with its output.
struct TakeSlot: Saga {
    struct Slot: Codable, Sendable {
        let at: Date
        var note = "none"

        enum CodingKeys: String, CodingKey { case at }
    }

    static let name = "take-slot"
    static let script = "CREATE TABLE slots (at timestamptz PRIMARY KEY, note text);"

    var body: some Step<Slot, Slot> {
        AtomicPhase("taken", take)
        AtomicPhase("noted", note)
    }

    func take(_ slot: Slot, _ tx: Transaction) async throws -> Slot {
        try await tx.execute("INSERT INTO slots VALUES (\(slot.at))")
        return Slot(at: slot.at, note: "live")
    }

    func note(_ slot: Slot, _ tx: Transaction) async throws -> Slot {
        try await tx.execute("UPDATE slots SET note = \(slot.note) WHERE at = \(slot.at)")
        return slot
    }
}
