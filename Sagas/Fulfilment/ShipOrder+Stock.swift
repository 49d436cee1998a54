import Foundation
import PostgresPQ
import Waymark

/// The phases on the orders and the stock.
extension ShipOrder {
    /// All of the order's items or none.
    /// - Throws: `TransientError` when there are too few: more may come in.
    func reserve(_ order: Order, _ tx: Transaction) async throws -> ReservedOrder {
        let id = UUID()
        try await tx.execute(
            """
            INSERT INTO fulfilment.orders (id, key_id, incarnation, email, address)
            VALUES (\(id), \(tx.key.id), \(tx.key.incarnation), \(order.email), \(order.address))
            """)
        // In one order of the items for everybody, so that no two orders wait for each other.
        for (item, quantity) in order.quantities.sorted(by: { $0.key < $1.key }) {
            let reserved = try await tx.execute(
                """
                UPDATE fulfilment.stock SET quantity = quantity - \(quantity)
                WHERE item = \(item) AND quantity >= \(quantity)
                """)
            guard reserved == 1 else { throw TransientError("fewer than \(quantity) of '\(item)' in stock") }
        }
        return ReservedOrder(id: id, request: order)
    }

    func release(_ order: ReservedOrder, _ tx: Transaction) async throws {
        for (item, quantity) in order.request.quantities.sorted(by: { $0.key < $1.key }) {
            try await tx.execute(
                "UPDATE fulfilment.stock SET quantity = quantity + \(quantity) WHERE item = \(item)")
        }
        try await tx.execute("UPDATE fulfilment.orders SET state = 'cancelled' WHERE id = \(order.id)")
    }

    func conclude(_ tracked: TrackedOrder, _ tx: Transaction) async throws -> Shipment {
        let prepared = tracked.sent.prepared
        try await tx.execute(
            """
            UPDATE fulfilment.orders SET state = 'shipped', label_id = \(prepared.label) WHERE id = \(prepared.order.id)
            """)
        return Shipment(
            order: prepared.order.id, label: prepared.label, pickup: prepared.pickup, parcels: tracked.sent.parcels,
            tracking: tracked.mail == nil ? .unavailable : .mailed)
    }
}
