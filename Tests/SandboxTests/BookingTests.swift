import Foundation
import Subprocess
import Testing
import WaymarkTesting

@testable import sandbox

@Suite("Bookings at the carrier", .timeLimit(.minutes(2)))
struct BookingTests {
    private static func booking(_ changes: [String: String] = [:]) -> [String: String] {
        ["reference": "order 1", "description": "1 Road"].merging(changes) { $1 }
    }

    @Test("a key books once, and each kind by itself", arguments: Booking.Kind.allCases)
    func keys(kind: Booking.Kind) async throws {
        let service = try makeService()
        let first = try #require(await service.book(kind, Self.booking(), key: "k1").reply)
        let second = try #require(await service.book(kind, Self.booking(), key: "k1").reply)
        #expect(first.status == 201 && !first.isReplayed)
        #expect(second.body == first.body && second.isReplayed)
        #expect(try first.decode(BookingBody.self).id.hasPrefix(kind.rawValue + "_"))
        let other = try #require(Booking.Kind.allCases.first { $0 != kind })
        #expect(await service.book(other, Self.booking(), key: "k1").reply == .keyMismatch)
        #expect(await service.ledger.book.count(of: kind) == 1)
        #expect(await service.ledger.book.duplicateBookings == 0)
        _ = await service.book(kind, Self.booking(), key: "k2")
        #expect(await service.ledger.book.duplicateBookings == 1, "another key is another booking")
    }

    @Test("what is cancelled is cancelled once, however often it is asked for")
    func cancelled() async throws {
        let service = try makeService()
        let booked = try #require(await service.book(.parcel, Self.booking(), key: "k1").reply)
        let id = try booked.decode(BookingBody.self).id
        #expect(await service.cancel(.label, id: id, key: "c0").reply?.status == 404, "it is no label")
        for key in ["c1", "c1", "c2", nil] {
            let reply = try #require(await service.cancel(.parcel, id: id, key: key).reply)
            #expect(reply.status == 200)
            #expect(try reply.decode(BookingBody.self).cancelled)
        }
        #expect(await service.ledger.book.cancellations == 1)
    }

    @Test("the carrier does not carry what is forbidden, and asks for both fields")
    func refusals() async throws {
        let service = try makeService()
        let forbidden = Self.booking(["description": "forbidden island"])
        #expect(await service.book(.label, forbidden, key: "k1").reply == .notCarried)
        for (field, value) in [("reference", ""), ("description", String(repeating: "d", count: 101)), ("size", "1")] {
            let reply = try #require(await service.book(.label, Self.booking([field: value]), key: "k1").reply)
            #expect(reply.status == 400)
            #expect(reply.body.contains(#""param":"\#(field)""#))
        }
        #expect(await service.ledger.book.bookings.isEmpty)
    }

    @Test("over HTTP, with faults, and across a kill")
    func http() async throws {
        let ledger = temporaryPath()
        let body = #"{"reference":"order 1","description":"1 Road"}"#
        var id = ""
        _ = try await RunningSandbox.run(ledger: ledger, ["--error-after-rate", "1"]) { sandbox in
            let type = "application/json"
            #expect(try await sandbox.post("/v1/labels", body: body, token: nil, type: type).status == 401)
            #expect(try await sandbox.post("/v1/labels", body: body, key: "k1", type: type).status == 500)
            #expect(try await sandbox.post("/control", body: #"{"error_after_rate":0}"#).status == 200)
            let label = try await sandbox.post("/v1/labels", body: body, key: "k1", type: type)
            #expect(label.status == 201 && label.isReplayed)
            id = try label.decode(BookingBody.self).id
            #expect(try await sandbox.delete("/v1/labels/\(id)").status == 200)
            sandbox.process.send(SIGKILL)
            try await sandbox.process.ended()
        }
        _ = try await RunningSandbox.run(ledger: ledger) { sandbox in
            let summary = try await sandbox.summary()
            #expect(summary.labels == 1 && summary.cancellations == 1 && summary.duplicateBookings == 0)
            let bookings = try await sandbox.get("/ledger/bookings").decode([BookingBody].self)
            #expect(bookings.map(\.id) == [id])
            #expect(bookings.map(\.cancelled) == [true])
        }
    }
}
