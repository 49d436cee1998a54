import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

/// Concurrent calls arrive in another order in each run.
@Suite struct OrderOfArrivalTests {
    private let trip = Trip.Request(cities: ["Oslo", "Rome", "Bern"])

    /// The answers as `RecordingService`'s documentation has them.
    @Test func anAnswerMadeFromTheCallsKeyIsSoundForConcurrentElements() async throws {
        let report = try await matrix().run(trip)
        #expect(!report.differences.description.contains("charge"), "\(report.differences)")
    }

    @Test func aNumberGivenByOrderOfArrivalIsToldAndIsNoViolation() async throws {
        let matrix = matrix { _, number in "ch_\(number)" }
        let report = try await matrix.run(trip)
        let told = "differs between undisturbed runs: public.bookings: which charge goes with which city"
        #expect(report.differences.contains { $0.hasPrefix(told) }, "\(report.differences)")
        #expect(report.description.contains(told))
    }

    /// The keys of calls are others in each run, and still what was stored of them is compared.
    @Test func anAnswerThatIsAnotherOneForARepeatIsCaught() async throws {
        let matrix = matrix { call, _ in "ch_\(call.idempotencyKey)_\(call.attempt)" }
        let report = try await matrix.report(trip)
        let found = try #require(report.violations.first { $0.boundary.kind == .effect })
        #expect(found.violations.description.contains("public.bookings"), "\(found.violations)")
        #expect(found.violations.description.contains("‹hotels book"), "\(found.violations)")
    }

    @Test func theMatrixStopsAfterTheFirstViolation() async throws {
        let counter = RecordingService("counter")
        var saga = Trip(hotels: RecordingService("hotels")) { call, _ in "ch_\(call.idempotencyKey)" }
        saga.aside = { try await counter.perform("increment", key: nil) }
        var broken = matrix(saga)
        broken.faults = [.crash]
        do {
            try await broken.run(trip, stopAfter: 1)
            Issue.record("the matrix has found nothing")
        } catch let found as CrashViolations {
            let report = found.report
            // Runs that were under way on the other database were finished.
            #expect((1...broken.concurrency).contains(report.violations.count))
            #expect(report.cells.count < report.planned)
            #expect(found.description.contains("\(report.planned - report.cells.count) runs were not made"))
        }
    }

    private func matrix(
        _ answer: @escaping @Sendable (Call, Int) -> String = { call, _ in "ch_\(call.idempotencyKey)" }
    ) -> CrashMatrix<Trip> {
        matrix(Trip(hotels: RecordingService("hotels"), answer: answer))
    }

    private func matrix(_ saga: Trip) -> CrashMatrix<Trip> {
        var matrix = CrashMatrix(saga, script: Trip.script)
        matrix.faults = [.crash, .answerLost]
        return matrix
    }
}

/// Books a hotel in each city, at the same time.
private struct Trip: Saga {
    struct Request: Codable, Sendable {
        let cities: [String]
    }

    struct Booking: Codable, Sendable {
        let city: String
        let charge: String
    }

    struct Itinerary: Codable, Sendable {
        let charges: [String]
    }

    static let name = "trip"
    static let script = "CREATE TABLE bookings (city text PRIMARY KEY, charge text NOT NULL)"

    let hotels: RecordingService
    /// What the hotels answer: from the call, and from which booking of theirs it is.
    let answer: @Sendable (Call, Int) -> String
    /// What a phase does besides.
    var aside: @Sendable () async throws -> Void = {}

    var body: some Step<Request, Itinerary> {
        ForEach("booked", over: \Request.cities, concurrency: 3, join: itinerary) {
            ForeignCall("hotel_booked", .keyed(horizon: .hours(24)), book)
            AtomicPhase("booking_kept", keep)
        }
    }

    func book(_ city: String, _ call: Call) async throws -> Booking {
        let number = try await hotels.perform("book", key: call.idempotencyKey, city)
        return Booking(city: city, charge: answer(call, number))
    }

    func keep(_ booking: Booking, _ tx: Transaction) async throws -> Booking {
        try await aside()
        try await tx.execute("INSERT INTO bookings VALUES (\(booking.city), \(booking.charge))")
        return booking
    }

    func itinerary(_ request: Request, _ bookings: [Booking]) -> Itinerary {
        Itinerary(charges: bookings.map(\.charge))
    }
}
