import Foundation
import Waymark

/// What a customer asks for: the body of `POST /orders`, as JSON.
public struct Order: Codable, Sendable {
    struct Line: Codable, Sendable {
        let item: String
        let quantity: Int
    }

    let email: String
    let address: String
    /// One parcel each.
    let parcels: [Line]

    /// How many of each item there are in all parcels.
    var quantities: [String: Int] {
        parcels.reduce(into: [:]) { $0[$1.item, default: 0] += $1.quantity }
    }

    /// - Throws: `WaymarkError` that names the field which is out of bounds.
    func check() throws {
        for (field, value) in [("email", email), ("address", address)] where !(1...100).contains(value.count) {
            throw WaymarkError(.invalidField, "must be 1 to 100 characters", field: field)
        }
        guard (1...50).contains(parcels.count) else {
            throw WaymarkError(.invalidField, "must be 1 to 50 parcels", field: "parcels")
        }
        for (index, line) in parcels.enumerated() where !(1...1000).contains(line.quantity) {
            throw WaymarkError(.invalidField, "must be 1 to 1000", field: "parcels.\(index).quantity")
        }
    }
}

/// An order on record, its items taken out of stock.
struct ReservedOrder: Codable, Sendable {
    let id: UUID
    let request: Order
}

/// An order with the carrier's id of its label.
struct LabelledOrder: Codable, Sendable {
    let order: ReservedOrder
    let label: String
}

/// When the carrier comes: its id of the pickup.
struct Pickup: Codable, Sendable {
    let order: UUID
    let id: String
}

/// An order with label and pickup.
struct PreparedOrder: Codable, Sendable {
    let order: ReservedOrder
    let label: String
    let pickup: String

    init(_ labelled: LabelledOrder, _ pickup: Pickup) {
        order = labelled.order
        label = labelled.label
        self.pickup = pickup.id
    }

    var parcels: [Parcel] {
        order.request.parcels.enumerated().map { index, line in
            Parcel(reference: "\(order.id)/\(index + 1)", contents: "\(line.item), \(line.quantity) pieces")
        }
    }
}

/// A parcel to be sent.
struct Parcel: Codable, Sendable {
    let reference: String
    let contents: String
}

/// An order with the carrier's ids of its parcels.
struct SentOrder: Codable, Sendable {
    let prepared: PreparedOrder
    let parcels: [String]
}

/// An order with the mail service's id of the tracking mail; nil where none could be sent.
struct TrackedOrder: Codable, Sendable {
    let sent: SentOrder
    let mail: String?
}

/// The response: the carrier's ids.
public struct Shipment: Codable, Sendable {
    enum Tracking: String, Codable {
        case mailed, unavailable
    }

    let order: UUID
    let label: String
    let pickup: String
    let parcels: [String]
    let tracking: Tracking
}
