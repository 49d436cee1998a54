import Foundation
import PostgresPQ
import Testing
import Waymark

/// The listings of docs/steps.md, in sagas around them: what the guide says compiles, and is a valid declaration.
@Suite struct StepsGuide {
    @Test(
        arguments: [
            DoorOpening(), CardCharge(), AskedCardCharge(), Withdrawal(), Pricing(), Undoing(), Approval(), Shipping(),
            Application(), SecondEdition(),
        ] as [any Saga])
    func theListingsAreValid(saga: any Saga) throws {
        _ = try SagaDeclaration(saga)
    }
}

private struct Order: Codable, Sendable {
    enum Method: String, Codable, Sendable, CaseIterable { case card, invoice }

    var method = Method.card
    var wantsGift = false
    var parcels: [String] = []
    var pickupAt = Date.now
}

private struct Done: Codable, Sendable {}
private struct BadAddress: Error {}

// MARK: Foreign calls, and what is not known of them

private struct DoorOpening: Saga {
    static let name = "door-opening"
    var body: some Step<Order, Done> { ForeignCall("opened", .natural, openDoor) }
    func openDoor(_ order: Order, _ call: Call) async throws -> Done { Done() }
}

private struct CardCharge: Saga {
    static let name = "card-charge"
    var body: some Step<Order, Done> { ForeignCall("charged", .keyed(horizon: .hours(24)), charge) }
    func charge(_ order: Order, _ call: Call) async throws -> Done { Done() }
}

private struct AskedCardCharge: Saga {
    static let name = "asked-card-charge"
    var body: some Step<Order, Done> {
        ForeignCall("charged", .keyed(horizon: .hours(24), reconcile: findCharge), charge)
    }
    func charge(_ order: Order, _ call: Call) async throws -> Done { Done() }
    func findCharge(_ order: Order, _ call: Call) async throws -> Reconciliation<Done> { .happened(Done()) }
}

private struct Withdrawal: Saga {
    static let name = "withdrawal"
    var body: some Step<Order, Done> {
        ForeignCall("withdrawn", .atMostOnce(reconcile: findWithdrawal), withdraw)
            .compensate(.atMostOnce(reconcile: findRefund), retry: .none, timeout: .seconds(5), refund)
        AtomicPhase("booked") { (done: Done, tx: Transaction) in done }
    }
    func withdraw(_ payout: Order, _ call: Call) async throws -> Done { Done() }
    func findWithdrawal(_ payout: Order, _ call: Call) async throws -> Reconciliation<Done> { .unknown("\(call)") }
    func refund(_ done: Done, _ call: Call) async throws {}
    func findRefund(_ done: Done, _ call: Call) async throws -> Reconciliation<Void> { .didNotHappen }
}

// MARK: When a step fails

private struct Quote: Codable, Sendable {
    static let standard = Quote()
}

private struct Pricing: Saga {
    static let name = "pricing"
    var body: some Step<Order, Quote> {
        ForeignCall("quoted", .natural, quote)
            .retry(.exponential(attempts: 8, base: .milliseconds(200), cap: .minutes(2), within: .hours(1)))
            .timeout(.seconds(20))
            .orElse(Quote.standard)
        ForeignCall("agreed", .natural, agree)
            .retry(.fixed(attempts: 3, every: .seconds(10)), if: { !($0 is BadAddress) })
            .rejectWhenExhausted(status: 503, type: "carrier_down", title: "…")
        ForeignCall("signed", .natural, agree)
            .retry(.none)
        AtomicPhase("booked") { (quote: Quote, tx: Transaction) in quote }
            .retry(.fixed(attempts: 20, every: .seconds(1)), onViolationOf: "rooms_one_guest_at_a_time")
    }
    func quote(_ order: Order, _ call: Call) async throws -> Quote { Quote() }
    func agree(_ quote: Quote, _ call: Call) async throws -> Quote { throw TransientError("", retryAfter: .seconds(1)) }
}

// MARK: Compensation

private struct Undoing: Saga {
    static let name = "undoing"
    var body: some Step<Order, Done> {
        AtomicPhase("reserved") { (order: Order, tx: Transaction) in order }
            .compensate { (ride: Order, tx: Transaction) in }
        ForeignCall("charged", .keyed(horizon: .hours(24))) { (order: Order, call: Call) in Done() }
            .compensate(refund)
        AtomicPhase("confirmed") { (done: Done, tx: Transaction) in done }
    }
    func refund(_ done: Done, _ call: Call) async throws {}
}

// MARK: Time and events

private struct Approval: Saga, Codable {
    static let name = "approval"
    var body: some Step<Order, Done> {
        SleepUntil("due") { (order: Order) in order.pickupAt }
        Sleep("cooled_off", for: .days(3))
        WaitFor("approved", event: Approval.self, timeout: .days(30), decide)
    }
    func decide(_ order: Order, _ approval: Approval?) throws -> Done { Done() }
}

// MARK: Ways and branches, limits

private struct Prepared: Codable, Sendable {
    let label: Order
    let pickup: Order
}

private struct Shipped: Codable, Sendable {
    let order: Order
    let parcels: [String]
}

private struct Shipping: Saga {
    static let name = "shipping"
    static let carrier = ForeignService(
        "carrier", maxConcurrent: 20, perSecond: 50, breaker: .init(failures: 5, pause: .seconds(10)))

    var body: some Step<Order, Shipped> {
        Choose("payment_routed", by: \Order.method) { method in
            switch method {
            case .card: ForeignCall("charged", .keyed(horizon: .hours(24)), act)
            case .invoice: AtomicPhase("invoiced", note)
            }
        }
        ForeignCall("gift_sent", .keyed(horizon: .hours(24)), act).when(\.wantsGift)
        Parallel("prepared", join: Prepared.init) {
            ForeignCall("label_bought", .keyed(horizon: .hours(24)), act).through(Self.carrier)
            Branch("pickup") {
                ForeignCall("pickup_booked", .keyed(horizon: .hours(24)), act)
                AtomicPhase("pickup_noted", note)
            }
        }
        AtomicPhase("packed") { (prepared: Prepared, _: Transaction) in prepared.label }
        ForEach("parcels_sent", over: \Order.parcels, concurrency: 4, join: Shipped.init) {
            ForeignCall("parcel_sent", .keyed(horizon: .hours(24)), send)
        }
    }

    func act(_ order: Order, _ call: Call) async throws -> Order { order }
    func note(_ order: Order, _ tx: Transaction) async throws -> Order { order }
    func send(_ parcel: String, _ call: Call) async throws -> String { parcel }
}

// MARK: Other sagas

private struct Application: Saga {
    static let name = "application"
    var body: some Step<Order, Done> {
        AtomicPhase("filed") { (order: Order, tx: Transaction) in
            try await tx.start(DoorOpening.self, key: IdempotencyKey("welcome-\(order.pickupAt)"), request: order)
            return order
        }
        Child("identity_checked", DoorOpening.self, request: { $0 }) { (application: Order, verdict: Done) in verdict }
            .orElse(Done())
    }
}

// MARK: New versions of a saga

private struct RideV1: Codable, Sendable {}
private struct RideRequestV1: Codable, Sendable {}

private struct PricedRide: Codable, Sendable {
    let currency: String
    init(_ old: RideV1, currency: String) { self.currency = currency }
}

private struct PricedRideRequest: Codable, Sendable {
    init(_ old: RideRequestV1) {}
}

private struct SecondEdition: Saga {
    static let name = "second-edition"
    static let version = 2
    var body: some Step<PricedRideRequest, PricedRide> {
        AtomicPhase("ride_reserved", reserve).renamed(from: "ride_created")
            .outputChanged(in: 2, from: RideV1.self) { PricedRide($0, currency: "usd") }
    }
    static let removedSteps = ["rider_greeted"]
    static let requestChanges = [RequestChange(in: 2, from: RideRequestV1.self) { PricedRideRequest($0) }]
    func reserve(_ request: PricedRideRequest, _ tx: Transaction) async throws -> PricedRide {
        PricedRide(RideV1(), currency: "eur")
    }
}
