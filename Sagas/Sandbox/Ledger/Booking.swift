/// What a carrier was told to do.
struct Booking: Codable, Sendable, Equatable {
    /// The raw value begins the id, and is the path with an `s` behind it.
    enum Kind: String, Codable, Sendable, CaseIterable {
        case label, pickup, parcel
    }

    let id: String
    let kind: Kind
    /// The caller's own text; any number of bookings have it.
    let reference: String
    /// An address, or what is inside.
    let description: String
    /// Seconds since 1970.
    let created: Int
    /// Follows from the cancellations; not in the file.
    var isCancelled = false

    private enum CodingKeys: String, CodingKey {
        case id, kind, reference, description, created
    }
}

/// The end of a booking.
struct Cancellation: Codable, Sendable, Equatable {
    let kind: Booking.Kind
    /// The id of what is cancelled.
    let booking: String
    let created: Int
}

/// A booking as the carrier's API shows it, and as `GET /ledger/bookings` lists it.
struct BookingBody: Codable, Equatable {
    let id: String
    let object: String
    let reference: String
    let description: String
    let created: Int
    let cancelled: Bool

    init(_ booking: Booking, isCancelled: Bool? = nil) {
        id = booking.id
        object = booking.kind.rawValue
        reference = booking.reference
        description = booking.description
        created = booking.created
        cancelled = isCancelled ?? booking.isCancelled
    }
}
