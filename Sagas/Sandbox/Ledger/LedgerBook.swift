/// The ledger in memory: what its records add up to.
struct LedgerBook: Sendable {
    struct Outcome: Sendable {
        let fingerprint: String
        let reply: Reply
    }

    /// A charge with the key it was made under.
    struct Entry<Value: Sendable>: Sendable {
        let key: String
        var value: Value
    }

    private(set) var outcomes: [LedgerKey: Outcome] = [:]
    /// Oldest first.
    private(set) var charges: [Entry<Charge>] = []
    private(set) var messages: [Entry<Message>] = []
    /// By reference, each oldest first.
    private(set) var withdrawals: [String: [Withdrawal]] = [:]
    /// The carrier's, oldest first.
    private(set) var bookings: [Booking] = []
    private(set) var refunds = 0
    private(set) var declines = 0
    private var chargeIndex: [String: Int] = [:]
    private var chargesByDescription: [String: Int] = [:]
    private var bookingIndex: [String: Int] = [:]

    /// How many descriptions, each of which stands for one operation, were charged more than once.
    var duplicateCharges: Int { chargesByDescription.values.count { $0 > 1 } }

    /// How many references, each of which stands for one operation, were withdrawn more than once.
    var duplicateWithdrawals: Int { withdrawals.values.count { $0.count > 1 } }

    /// How many references were booked more than once, each kind by itself.
    var duplicateBookings: Int {
        Dictionary(grouping: bookings) { [$0.kind.rawValue, $0.reference] }.values.count { $0.count > 1 }
    }

    var cancellations: Int { bookings.count { $0.isCancelled } }

    func count(of kind: Booking.Kind) -> Int { bookings.count { $0.kind == kind } }

    func charge(_ id: String) -> Charge? { chargeIndex[id].map { charges[$0].value } }

    /// Completes what was asked for with what only the book knows, and finds the answer to it.
    ///
    /// - Throws: ``Refusal`` when it cannot be.
    func settle(_ entry: LedgerEntry, refunding: Set<String>) throws -> (LedgerEntry, Reply) {
        switch entry {
        case .charge(let charge):
            return (entry, Reply(status: 200, ChargeBody(charge)))
        case .decline(let reply):
            return (entry, reply)
        case .message(let message):
            return (entry, Reply(status: 202, MessageBody(message)))
        case .withdrawal(let withdrawal):
            return (entry, Reply(status: 201, withdrawal))
        case .booking(let booking):
            return (entry, Reply(status: 201, BookingBody(booking)))
        case .cancellation(let cancellation):
            guard let index = bookingIndex[cancellation.booking], bookings[index].kind == cancellation.kind else {
                throw Refusal(
                    .invalid(
                        "No such \(cancellation.kind.rawValue): '\(cancellation.booking)'",
                        param: "id",
                        code: "resource_missing",
                        status: 404
                    )
                )
            }
            return (entry, Reply(status: 200, BookingBody(bookings[index], isCancelled: true)))
        case .refund(var refund):
            guard let charge = charge(refund.charge) else {
                throw Refusal(
                    .invalid(
                        "No such charge: '\(refund.charge)'",
                        param: "charge",
                        code: "resource_missing",
                        status: 404
                    )
                )
            }
            guard !charge.isRefunded, !refunding.contains(charge.id) else {
                throw Refusal(
                    .invalid("Charge \(charge.id) has already been refunded.", code: "charge_already_refunded")
                )
            }
            guard refund.amount ?? charge.amount == charge.amount else {
                throw Refusal(.invalid("Only the whole charge can be refunded here.", param: "amount"))
            }
            refund.amount = charge.amount
            return (.refund(refund), Reply(status: 200, RefundBody(refund, currency: charge.currency)))
        }
    }

    /// Adds one record.
    mutating func apply(_ record: LedgerRecord) {
        outcomes[record.key] = Outcome(fingerprint: record.fingerprint, reply: record.reply)
        switch record.entry {
        case .charge(let charge):
            chargeIndex[charge.id] = charges.count
            charges.append(Entry(key: record.key.key, value: charge))
            if let description = charge.description { chargesByDescription[description, default: 0] += 1 }
        case .decline:
            declines += 1
        case .refund(let refund):
            refunds += 1
            if let index = chargeIndex[refund.charge] { charges[index].value.isRefunded = true }
        case .message(let message):
            messages.append(Entry(key: record.key.key, value: message))
        case .withdrawal(let withdrawal):
            withdrawals[withdrawal.reference, default: []].append(withdrawal)
        case .booking(let booking):
            bookingIndex[booking.id] = bookings.count
            bookings.append(booking)
        case .cancellation(let cancellation):
            if let index = bookingIndex[cancellation.booking] { bookings[index].isCancelled = true }
        }
    }
}
