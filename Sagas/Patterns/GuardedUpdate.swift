import Foundation
import PostgresPQ
import Waymark

/// Guarded update: the statement names the state that it goes from, and zero rows are asked for the reason.
///
/// **Problem.** A phase commits once per key, but keys are not all there is: two keys may ask for the same cart at once,
/// and a key that was reaped (after 24 hours) is a new request when it comes again.
///
/// **Pattern.** `UPDATE … SET state = 'ordered' WHERE id = … AND state = 'cart'`, which also notes who did it. One row: it
/// is done, now. Zero rows: look who was there. We ourselves: go on, without what belongs to the change itself. Somebody
/// else: 409.
///
/// **Use it when** a row moves through states and each move happens once: orders, tickets, approvals. For a table in
/// another database it is a `ForeignCall` with `.natural`, and `call.key.id` is who did it.
///
/// **It fails when** the row does not say who moved it: our own earlier move looks like somebody else's. And it fails when
/// the state can come back: a repeat then moves the row again. Guard with a version number in that case. Undo what you
/// did with the same guard (`AND ordered_by = …`).
struct OrderCart: Saga {
    static let name = "order-cart"

    static let schema = """
        CREATE SCHEMA IF NOT EXISTS patterns;
        CREATE TABLE IF NOT EXISTS patterns.carts (
            id         uuid PRIMARY KEY,
            state      text NOT NULL DEFAULT 'cart' CHECK (state IN ('cart', 'ordered')),
            -- The request that ordered it: KeyContext.id, which is the same when a reaped key comes again.
            ordered_by uuid,
            CHECK ((state = 'ordered') = (ordered_by IS NOT NULL))
        );
        """

    var body: some Step<CartOrder, OrderedCart> {
        AtomicPhase("cart_ordered", order)
    }

    func order(_ order: CartOrder, _ tx: Transaction) async throws -> OrderedCart {
        let changed = try await tx.execute(
            """
            UPDATE patterns.carts SET state = 'ordered', ordered_by = \(tx.key.id)
            WHERE id = \(order.cart) AND state = 'cart'
            """)
        if changed == 1 {
            try tx.stage(ConfirmOrder(cart: order.cart))
        } else {
            try await checkThatItIsOurs(order.cart, tx)
        }
        return OrderedCart(cart: order.cart)
    }

    /// Tells why the guard found no row.
    /// - Throws: `Rejection` 404 without such a cart, 409 where another request ordered it; `TransientError` where it
    ///   was made a cart again between the two statements.
    private func checkThatItIsOurs(_ cart: UUID, _ tx: Transaction) async throws {
        let rows = try await tx.query("SELECT ordered_by FROM patterns.carts WHERE id = \(cart)")
        guard let row = rows.first else {
            throw Rejection(status: 404, type: "no_such_cart", title: "There is no such cart.")
        }
        switch try row.decode(UUID?.self) {
        case tx.key.id: return
        case nil: throw TransientError("the cart is one again")
        case _?: throw Rejection(status: 409, type: "already_ordered", title: "The cart was ordered already.")
        }
    }
}

/// The request.
struct CartOrder: Codable, Sendable {
    let cart: UUID
}

/// The response.
struct OrderedCart: Codable, Sendable {
    let cart: UUID
}

/// Tells the customer: once per order, since it is staged beside the change.
struct ConfirmOrder: Job {
    static let name = "confirm-order"
    let cart: UUID
}
