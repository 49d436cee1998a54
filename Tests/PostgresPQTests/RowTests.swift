import Foundation
import PostgresPQ
import Testing

@Suite struct RowTests {
    enum State: String, Codable { case open, closed }

    struct Place: Codable, Equatable { var latitude: Double }

    struct Ride: Decodable, Equatable {
        var id: Int
        var createdAt: Date
        var imageURL: String?
        var state: State
        var place: Place
        var tags: [String]
        var small: UInt8
        var finishedAt: Date?
    }

    @Test func structuresDecodeByColumnName() async throws {
        try await withTestConnection { connection in
            let rows = try await connection.query(
                """
                SELECT 7 AS id, to_timestamp(1.5) AS created_at, 'u' AS image_url, 'open' AS state,
                  '{"latitude": 1.5}'::jsonb AS place, '{a,b}'::text[] AS tags, 200::int2 AS small,
                  NULL::timestamptz AS "finishedAt", 'ignored' AS more
                """)
            let expected = Ride(
                id: 7, createdAt: Date(timeIntervalSince1970: 1.5), imageURL: "u", state: .open,
                place: Place(latitude: 1.5), tags: ["a", "b"], small: 200)
            #expect(try rows.decode(Ride.self) == [expected])
            #expect(try rows[0].decode(Ride.self) == expected)
        }
    }

    @Test func structuresThatDoNotFitNameTheColumn() async throws {
        struct Wanted: Decodable { var name: String }
        try await withTestConnection { connection in
            let missing = try await connection.query("SELECT 1 AS other")
            let null = try await connection.query("SELECT NULL::text AS name")
            for rows in [missing, null] {
                let error = #expect(throws: PostgresError.self) { try rows.decode(Wanted.self) }
                #expect(error?.code == .decoding)
                #expect(error?.description.contains("name") == true)
            }
        }
    }

    @Test func tuplesDecodeByPosition() async throws {
        try await withTestConnection { connection in
            let rows = try await connection.query("SELECT g, 'n' || g, nullif(g, 2) FROM generate_series(1, 3) g")
            let decoded = try rows.decode((Int, String, Int?).self)
            #expect(decoded.map(\.0) == [1, 2, 3])
            #expect(decoded.map(\.1) == ["n1", "n2", "n3"])
            #expect(decoded.map(\.2) == [1, nil, 3])
            #expect(rows.count == 3 && rows.rowsAffected == 3 && rows.commandTag == "SELECT 3")
            #expect(throws: PostgresError.self) { try rows.decode((Int, String).self) }
            #expect(throws: PostgresError.self) { try rows.single() }
            #expect(rows.columnNames.first == "g" && rows[1][1].columnName == rows.columnNames[1])
        }
    }

    @Test func singleTakesNoneOrOne() async throws {
        try await withTestConnection { connection in
            let none = try await connection.query("SELECT 1 WHERE false").single()
            #expect(none == nil)
            let five = try await connection.query("SELECT 5").single()
            #expect(try five?.decode(Int.self) == 5)
            #expect(try await connection.query("").isEmpty)
        }
    }

    @Test func rowsOutliveTheirConnection() async throws {
        var kept: PostgresRows?
        try await withTestConnection { connection in
            kept = try await connection.query("SELECT repeat('x', 100000) FROM generate_series(1, 100)")
        }
        #expect(try kept?.decode(String.self).allSatisfy { $0.utf8.count == 100_000 } == true)
    }

    @Test func queriesNeverPrintTheirValues() {
        let query: PostgresQuery = "SELECT \("secret"), \(Int?.none)"
        #expect(query.sql == "SELECT $1, $2")
        #expect(query.description == "SELECT $1, $2 [2 bindings]")
        #expect("\(query.binds)" == "2 bindings")
        #expect(query == "SELECT \("secret"), \(Int?.none)")
        #expect(query != "SELECT \("other"), \(Int?.none)")
    }
}
