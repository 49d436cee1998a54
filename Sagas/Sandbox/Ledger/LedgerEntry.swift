/// A charge that was made.
struct Charge: Codable, Sendable, Equatable {
    let id: String
    let amount: Int
    let currency: String
    let customer: String?
    let description: String?
    /// Seconds since 1970.
    let created: Int
    /// Follows from the refunds; not in the file.
    var isRefunded = false

    private enum CodingKeys: String, CodingKey {
        case id, amount, currency, customer, description, created
    }
}

/// A refund of a whole charge.
struct Refund: Codable, Sendable, Equatable {
    let id: String
    let charge: String
    /// What the caller believes the charge amounted to; filled in from the charge.
    var amount: Int?
    let reason: String?
    let created: Int
}

/// Money that left an account. In the file and in the bank's API alike.
struct Withdrawal: Codable, Sendable, Equatable {
    let id: String
    let account: String
    /// In minor units.
    let amount: Int
    let currency: String
    /// The caller's own text; any number of withdrawals have it.
    let reference: String
    /// Seconds since 1970.
    let created: Int
}

/// A mail that was taken for delivery.
struct Message: Codable, Sendable, Equatable {
    let id: String
    let to: String
    let subject: String
    /// All of it, as JSON.
    let content: String
}

/// What happened.
enum LedgerEntry: Codable, Sendable, Equatable {
    case charge(Charge)
    case decline(Reply)
    case refund(Refund)
    case message(Message)
    case withdrawal(Withdrawal)
    case booking(Booking)
    case cancellation(Cancellation)

    /// The names in the file. They stay, whatever becomes of the names in the program.
    private enum CodingKeys: String, CodingKey {
        case charge, decline, refund, message, withdrawal, booking, cancellation
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch container.allKeys.first {
        case .charge: self = .charge(try container.decode(Charge.self, forKey: .charge))
        case .decline: self = .decline(try container.decode(Reply.self, forKey: .decline))
        case .refund: self = .refund(try container.decode(Refund.self, forKey: .refund))
        case .message: self = .message(try container.decode(Message.self, forKey: .message))
        case .withdrawal: self = .withdrawal(try container.decode(Withdrawal.self, forKey: .withdrawal))
        case .booking: self = .booking(try container.decode(Booking.self, forKey: .booking))
        case .cancellation: self = .cancellation(try container.decode(Cancellation.self, forKey: .cancellation))
        case nil:
            throw DecodingError.dataCorrupted(
                .init(codingPath: container.codingPath, debugDescription: "an entry of no known kind")
            )
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .charge(let charge): try container.encode(charge, forKey: .charge)
        case .decline(let reply): try container.encode(reply, forKey: .decline)
        case .refund(let refund): try container.encode(refund, forKey: .refund)
        case .message(let message): try container.encode(message, forKey: .message)
        case .withdrawal(let withdrawal): try container.encode(withdrawal, forKey: .withdrawal)
        case .booking(let booking): try container.encode(booking, forKey: .booking)
        case .cancellation(let cancellation): try container.encode(cancellation, forKey: .cancellation)
        }
    }
}

/// An idempotency key, in the service it was used with.
struct LedgerKey: Codable, Sendable, Hashable {
    let service: String
    let key: String
}

/// One line of the ledger's file: what happened, under which key, and how it was answered, so that none of the three can
/// be there without the others.
struct LedgerRecord: Codable, Sendable {
    let key: LedgerKey
    let fingerprint: String
    let entry: LedgerEntry
    let reply: Reply
}
