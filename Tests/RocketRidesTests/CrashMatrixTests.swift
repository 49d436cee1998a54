import Testing
import Waymark
import WaymarkTesting

@testable import RocketRides

/// The ride, with every fault at every boundary.
@Suite struct CrashMatrixTests {
    private struct RecordedPayments: PaymentGateway {
        let service = RecordingService("payments", remembering: .hours(24))
        var refuses = false

        func charge(
            amount: Int, currency: String, customer: String, description: String, idempotencyKey: String
        ) async throws -> String {
            if refuses { throw Rejection(status: 402, type: "declined", title: "The card was declined.") }
            try await service.perform("charge", key: idempotencyKey, "\(amount) \(customer)")
            return "ch_\(idempotencyKey)"
        }

        func refund(charge: String, idempotencyKey: String) async throws {
            try await service.perform("refund", key: idempotencyKey, charge)
        }
    }

    @Test(arguments: [false, true]) func aRideIsBookedOrRefusedOnce(refuses: Bool) async throws {
        let saga = BookRide(payments: RecordedPayments(refuses: refuses))
        let report = try await CrashMatrix(saga, script: String(decoding: PackageResources.schema_sql, as: UTF8.self))
            .run(
                RideRequest(
                    Route(originLat: 1, originLon: 2, targetLat: 3, targetLon: 4),
                    for: Rider(id: 1, customer: "cus_rider1", email: "rider1@example.com", scope: Scope("user:1"))))
        print(report.summary)
        #expect(report.untouched == (refuses ? ["receipt_staged"] : []))
        #expect(report.cells.count > (refuses ? 100 : 200))
    }
}
