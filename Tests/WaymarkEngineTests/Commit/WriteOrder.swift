import Foundation
import PostgresPQ
import Waymark

/// Two write-only phases around a call. The items decide what becomes of an order.
struct WriteOrder: Saga {
    static let name = "write-order"

    static let tables = """
        CREATE TABLE stock (item text PRIMARY KEY, reserved integer NOT NULL CHECK (reserved < 1000));
        INSERT INTO stock VALUES ('book', 0), ('lamp', 0);
        CREATE TABLE effects (key_id uuid NOT NULL, step text NOT NULL, item text NOT NULL CHECK (item <> 'sold out'),
            PRIMARY KEY (key_id, step));
        """

    var body: some Step<Order, Receipt> {
        AtomicPhase("reserved", reserve)
            .retry(.fixed(attempts: 1, every: .zero))
            .rejectWhenExhausted(status: 409, type: "sold_out", title: "The item is sold out.")
            .compensate(unreserve)
        ForeignCall("charged", .keyed(horizon: .hours(24)), Self.charge)
        AtomicPhase("confirmed", confirm)
    }

    func reserve(_ order: Order, _ writes: inout Writes) throws -> Order {
        for statement in Self.reserving(order, writes.key) { writes.execute(statement) }
        return order
    }

    func unreserve(_ order: Order, _ writes: inout Writes) throws {
        writes.execute("INSERT INTO effects VALUES (\(writes.key.id), 'unreserved', \(order.item))")
    }

    func confirm(_ payment: Charge, _ writes: inout Writes) throws -> Receipt {
        writes.execute("INSERT INTO effects VALUES (\(writes.key.id), 'confirmed', \(payment.item))")
        try writes.stage(ShipIt(item: payment.item, number: 1))
        try writes.stage(ShipIt(item: payment.item, number: 2))
        return Receipt(charge: payment.charge, item: payment.item)
    }

    static func reserving(_ order: Order, _ key: KeyContext) -> [PostgresQuery] {
        [
            "INSERT INTO effects VALUES (\(key.id), 'reserved', \(order.item))",
            "UPDATE stock SET reserved = reserved + \(order.quantity) WHERE item = \(order.item)",
        ]
    }

    static func charge(_ order: Order, _ call: Call) async throws -> Charge {
        if order.quantity > 9 { throw Rejection(status: 402, type: "declined", title: "Too much.") }
        return Charge(charge: "ch_\(order.item)", item: order.item)
    }

    struct Charge: Codable, Sendable {
        let charge: String
        let item: String
    }
}

/// The same with bodies that wait for each answer.
struct InteractiveOrder: Saga {
    static let name = WriteOrder.name

    var body: some Step<Order, Receipt> {
        AtomicPhase("reserved", reserve)
            .retry(.fixed(attempts: 1, every: .zero))
            .rejectWhenExhausted(status: 409, type: "sold_out", title: "The item is sold out.")
            .compensate(unreserve)
        ForeignCall("charged", .keyed(horizon: .hours(24)), WriteOrder.charge)
        AtomicPhase("confirmed", confirm)
    }

    func reserve(_ order: Order, _ tx: Transaction) async throws -> Order {
        for statement in WriteOrder.reserving(order, tx.key) { try await tx.execute(statement) }
        return order
    }

    func unreserve(_ order: Order, _ tx: Transaction) async throws {
        try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'unreserved', \(order.item))")
    }

    func confirm(_ payment: WriteOrder.Charge, _ tx: Transaction) async throws -> Receipt {
        try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'confirmed', \(payment.item))")
        try tx.stage(ShipIt(item: payment.item, number: 1))
        try tx.stage(ShipIt(item: payment.item, number: 2))
        return Receipt(charge: payment.charge, item: payment.item)
    }
}
