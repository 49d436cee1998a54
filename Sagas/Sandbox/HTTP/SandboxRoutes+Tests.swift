import Foundation
import Hummingbird
import NIOCore

extension SandboxRoutes {
    /// What the real services do not have: a look at the books, and the faults' controls.
    func addTestRoutes(to router: Router<SandboxContext>) {
        router.get("/health") { _, _ in Self.response(Reply(status: 200, ["status": "ok"])) }
        router.get("/ledger") { _, _ in Self.response(Reply(status: 200, await summary())) }
        router.get("/ledger/charges") { _, _ in
            Self.response(Reply(status: 200, await service.ledger.book.charges.map(ListedCharge.init)))
        }
        router.get("/ledger/messages") { _, _ in
            Self.response(Reply(status: 200, await service.ledger.book.messages.map(ListedMessage.init)))
        }
        router.get("/ledger/withdrawals") { _, _ in
            Self.response(Reply(status: 200, await service.ledger.book.withdrawals.values.flatMap(\.self)))
        }
        router.get("/ledger/bookings") { _, _ in
            Self.response(Reply(status: 200, await service.ledger.book.bookings.map { BookingBody($0) }))
        }
        router.get("/control") { _, _ in Self.response(Reply(status: 200, service.rates)) }
        router.post("/control") { request, _ in
            let body = try await request.body.collect(upTo: Self.largestBodyBytes)
            guard let change = try? JSONDecoder().decode(RateChange.self, from: Data(body.readableBytesView)) else {
                return Self.response(.invalid("The body is not a JSON object of rates."))
            }
            do {
                return Self.response(Reply(status: 200, try service.change(change)))
            } catch let refusal as Refusal {
                return Self.response(refusal.reply)
            }
        }
    }

    private func summary() async -> LedgerSummary {
        let (book, counts) = (await service.ledger.book, await service.ledger.counts)
        let faults = service.faults
        return LedgerSummary(
            charges: book.charges.count,
            refunds: book.refunds,
            declines: book.declines,
            messages: book.messages.count,
            duplicateCharges: book.duplicateCharges,
            withdrawals: book.withdrawals.values.reduce(0) { $0 + $1.count },
            duplicateWithdrawals: book.duplicateWithdrawals,
            labels: book.count(of: .label),
            pickups: book.count(of: .pickup),
            parcels: book.count(of: .parcel),
            cancellations: book.cancellations,
            duplicateBookings: book.duplicateBookings,
            replays: counts.replays,
            conflicts: counts.conflicts,
            mismatches: counts.mismatches,
            statementOutages: service.statementOutages,
            faults: Dictionary(uniqueKeysWithValues: Fault.allCases.map { ($0.rawValue, faults[$0, default: 0]) })
        )
    }
}

/// `GET /ledger`. The first twelve are about all that ever happened, the others count from the process's start.
struct LedgerSummary: Codable, Equatable {
    let charges: Int
    let refunds: Int
    let declines: Int
    let messages: Int
    /// Descriptions that were charged more than once.
    let duplicateCharges: Int
    let withdrawals: Int
    /// References that were withdrawn more than once.
    let duplicateWithdrawals: Int
    /// What a carrier was told to do, also what was cancelled later.
    let labels: Int
    let pickups: Int
    let parcels: Int
    /// How many of those three are cancelled.
    let cancellations: Int
    /// References of one kind that were booked more than once.
    let duplicateBookings: Int
    let replays: Int
    let conflicts: Int
    let mismatches: Int
    let statementOutages: Int
    let faults: [String: Int]
}

/// A line of `GET /ledger/charges`.
struct ListedCharge: Codable, Equatable {
    let id: String
    let idempotencyKey: String
    let description: String?
    let amount: Int
    let currency: String
    let customer: String?
    let refunded: Bool

    init(_ entry: LedgerBook.Entry<Charge>) {
        id = entry.value.id
        idempotencyKey = entry.key
        description = entry.value.description
        amount = entry.value.amount
        currency = entry.value.currency
        customer = entry.value.customer
        refunded = entry.value.isRefunded
    }
}

/// A line of `GET /ledger/messages`.
struct ListedMessage: Codable, Equatable {
    let id: String
    let idempotencyKey: String
    let to: String
    let subject: String

    init(_ entry: LedgerBook.Entry<Message>) {
        id = entry.value.id
        idempotencyKey = entry.key
        to = entry.value.to
        subject = entry.value.subject
    }
}
