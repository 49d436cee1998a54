import ForeignServices
import Foundation
import PostgresPQ
public import Waymark

/// Ships an order: takes it out of stock, books a label and a pickup side by side, sends each parcel, mails a tracking link.
///
/// A parcel that the carrier refuses is a rejection: the parcels sent so far are recalled, label and pickup cancelled, the
/// stock is put back. What is not in stock for a while is a rejection too. A tracking mail that cannot be sent is none.
public struct ShipOrder: Saga {
    public static let name = "ship-order"
    let carrier: Carrier
    let mail: Mail

    public var body: some Step<Order, Shipment> {
        AtomicPhase("stock_reserved", reserve)
            .retry(.fixed(attempts: 3, every: .milliseconds(500)))
            .rejectWhenExhausted(status: 409, type: "out_of_stock", title: "The order is not in stock.")
            .compensate(release)
        Parallel("shipment_prepared", join: PreparedOrder.init) {
            ForeignCall("label_bought", .keyed(horizon: .hours(24), replaysAnswers: true), buyLabel)
                .through(Carrier.service)
                .compensate(cancelLabel)
            Branch {
                ForeignCall("pickup_booked", .keyed(horizon: .hours(24), replaysAnswers: true), bookPickup)
                    .through(Carrier.service)
                    .compensate(cancelPickup)
                AtomicPhase("pickup_noted", notePickup)
                    .compensate(strikePickup)
            }
        }
        ForEach("parcels_sent", over: \PreparedOrder.parcels, concurrency: 2, join: SentOrder.init) {
            ForeignCall("parcel_sent", .keyed(horizon: .hours(24), replaysAnswers: true), send)
                .through(Carrier.service)
                .compensate(recall)
        }
        ForeignCall("tracking_mailed", .keyed(horizon: .hours(24), replaysAnswers: true), mailTracking)
            .retry(.fixed(attempts: 3, every: .seconds(2)))
            .timeout(.seconds(10))
            .orElse { sent in TrackedOrder(sent: sent, mail: nil) }
        AtomicPhase("order_shipped", conclude)
    }

    func buyLabel(_ order: ReservedOrder, _ call: Call) async throws -> LabelledOrder {
        let label = try await carrier.book(
            .label, reference: "\(order.id)", description: order.request.address, idempotencyKey: call.idempotencyKey)
        return LabelledOrder(order: order, label: label)
    }

    func cancelLabel(_ labelled: LabelledOrder, _ call: Call) async throws {
        try await carrier.cancel(.label, id: labelled.label, idempotencyKey: call.idempotencyKey)
    }

    func bookPickup(_ order: ReservedOrder, _ call: Call) async throws -> Pickup {
        let id = try await carrier.book(
            .pickup, reference: "\(order.id)", description: "warehouse 4", idempotencyKey: call.idempotencyKey)
        return Pickup(order: order.id, id: id)
    }

    func cancelPickup(_ pickup: Pickup, _ call: Call) async throws {
        try await carrier.cancel(.pickup, id: pickup.id, idempotencyKey: call.idempotencyKey)
    }

    func notePickup(_ pickup: Pickup, _ tx: Transaction) async throws -> Pickup {
        try await tx.execute("INSERT INTO fulfilment.pickups (order_id, id) VALUES (\(pickup.order), \(pickup.id))")
        return pickup
    }

    func strikePickup(_ pickup: Pickup, _ tx: Transaction) async throws {
        try await tx.execute("DELETE FROM fulfilment.pickups WHERE order_id = \(pickup.order)")
    }

    func send(_ parcel: Parcel, _ call: Call) async throws -> String {
        try await carrier.book(
            .parcel, reference: parcel.reference, description: parcel.contents, idempotencyKey: call.idempotencyKey)
    }

    func recall(_ parcel: String, _ call: Call) async throws {
        try await carrier.cancel(.parcel, id: parcel, idempotencyKey: call.idempotencyKey)
    }

    func mailTracking(_ sent: SentOrder, _ call: Call) async throws -> TrackedOrder {
        let id = try await mail.send(
            to: sent.prepared.order.request.email, subject: "Your order \(sent.prepared.order.id) is on its way",
            text: sent.parcels.joined(separator: "\n"), idempotencyKey: call.idempotencyKey)
        return TrackedOrder(sent: sent, mail: id)
    }
}
