import Foundation
import PostgresPQ
import Testing
import WaymarkTesting

@Suite struct ValueTests {
    struct Scalar: Codable, Hashable {
        var name: String
        var count: Int
        var at: Date
    }

    private func roundTrip<Value: PostgresCodable & Equatable>(
        _ connection: PostgresConnection,
        _ values: [Value],
        as type: String
    ) async throws {
        for value in values {
            let row = try #require(try await connection.query("SELECT \(value)::\(unescaped: type)").first)
            #expect(try row.decode(Value.self) == value)
            #expect(try row.decode(Value?.self) == value)
        }
        let null = try await connection.query("SELECT \(Value?.none)::\(unescaped: type)")
        #expect(try null.decode(Value?.self) == [nil])
        #expect(throws: PostgresError.self) { try null.decode(Value.self) }
    }

    @Test func scalarsRoundTrip() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        try await withTestConnection { connection in
            func many<Value>(_ make: (inout SeededGenerator) -> Value) -> [Value] {
                (0..<40).map { _ in make(&random) }
            }
            try await roundTrip(
                connection, [Int.min, -1, 0, .max] + many { .random(in: .min ... .max, using: &$0) }, as: "int8")
            try await roundTrip(connection, [Int32.min, 0, .max], as: "int4")
            try await roundTrip(connection, [Int16.min, 0, .max], as: "int2")
            try await roundTrip(connection, [true, false], as: "bool")
            try await roundTrip(connection, many { Double(bitPattern: $0.next()) }.filter { !$0.isNaN }, as: "float8")
            try await roundTrip(connection, [Double.infinity, -.infinity, 0, .leastNonzeroMagnitude], as: "float8")
            try await roundTrip(connection, [Float.infinity, 0.1, -3.5], as: "float4")
            try await roundTrip(connection, (0..<9).map { _ in UUID() }, as: "uuid")
            try await roundTrip(connection, ["", "a", "é😀", "\u{1}\t\"\\'{}"], as: "text")
            try await roundTrip(
                connection, many { Data((0..<Int.random(in: 0...70, using: &$0)).map(UInt8.init)) }, as: "bytea")
            try await roundTrip(connection, [[UInt8](), [0, 255, 7]], as: "bytea")
        }
    }

    @Test func datesAreExactToTheMicrosecond() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        // 1729 to 2273, around PostgreSQL's epoch and Date's.
        let range = -8_580_000_000_000_000...8_580_000_000_000_000
        let edges = [0, 1, -1, -31_622_400_000_000, -31_622_399_999_999, 999_999, -999_999]
        let micros = edges + (0..<300).map { _ in Int.random(in: range, using: &random) }
        try await withTestConnection { connection in
            for micro in micros {
                let date = Date(timeIntervalSinceReferenceDate: Double(micro) / 1e6)
                let row = try #require(
                    try await connection.query(
                        """
                        SELECT \(date), (extract(epoch from \(date)::timestamptz) * 1000000)::int8
                        """
                    ).first)
                let (same, stored) = try row.decode((Date, Int).self)
                #expect(same == date)
                #expect(stored - 978_307_200_000_000 == micro)
            }
            let rows = try await connection.query("SELECT '2000-01-02'::date")
            let day = try rows[0].decode(Date.self)
            #expect(day == Date(timeIntervalSince1970: 946_771_200))
            let error = await postgresError {
                _ = try await connection.query("SELECT \(Date(timeIntervalSince1970: .nan))")
            }
            #expect(error?.code == .encoding)
        }
    }

    @Test func infinityIsAValueOfItsOwnAndNoDateIsStoredAsIt() async throws {
        try await withTestConnection { connection in
            let infinities = try await connection.query(
                "SELECT 'infinity'::timestamptz AS t, '-infinity'::date AS d, \([PostgresTimestamp.infinity, .negativeInfinity])::text[]"
            )
            let (future, past, texts) = try infinities[0].decode((PostgresTimestamp, PostgresTimestamp, [String]).self)
            #expect(future == .infinity && past == .negativeInfinity && texts == ["infinity", "-infinity"])
            let error = #expect(throws: PostgresError.self) { try infinities[0].decode("t", as: Date.self) }
            #expect(error?.code == .decoding)
            for (date, text) in [
                (Date.distantFuture, "4001-01-01 00:00:00"), (.distantPast, "0001-01-01 00:00:00"),
                (Date(timeIntervalSince1970: 9_224_318_015_999), "294276-12-31 23:59:59"),
                (Date(timeIntervalSince1970: -210_866_803_200), "4713-11-24 00:00:00 BC"),
            ] {
                let rows = try await connection.query(
                    "SELECT \(date), (\(date)::timestamptz AT TIME ZONE 'UTC')::text, \(PostgresTimestamp.date(date))")
                let (read, stored, same) = try rows[0].decode((Date, String, PostgresTimestamp).self)
                #expect(read == date && same == .date(date))
                // Foundation counts the days before 1582 by the Julian calendar, and PostgreSQL does not.
                #expect(stored == text || date < Date(timeIntervalSince1970: -12_219_292_800), "\(stored)")
            }
            for seconds in [9_224_318_016_000, -210_866_803_201, 1e300, .infinity, -.infinity, .nan] {
                let error = await postgresError {
                    _ = try await connection.query("SELECT \(Date(timeIntervalSince1970: seconds))")
                }
                #expect(error?.code == .encoding, "\(seconds)")
            }
        }
    }

    @Test func numericIsExact() async throws {
        let texts = [
            "0", "1", "-1", "0.1", "-0.0001", "12345678901234567890.123456789012345678", "10000", "100000000",
            "99999999999999999999999999999999999999", "0.00000000000000000000000000000000000001", "1234.5600", "1e30",
            "340282366920938463463374607431768211455", "18446744073709551616",
        ]
        try await withTestConnection { connection in
            for text in texts {
                let value = try #require(Decimal(string: text))
                let rows = try await connection.query(
                    "SELECT \(text)::numeric, \(value), \([value, nil]), \(value) = \(text)::numeric")
                let (read, sent, list, isEqual) = try rows[0].decode((Decimal, Decimal, [Decimal?], Bool).self)
                #expect(read == value && sent == value && list == [value, nil] && isEqual, "\(text)")
            }
            for text in ["NaN", "Infinity", "1e200", "1234567890123456789012345678901234567890.5"] {
                let rows = try await connection.query("SELECT \(text)::numeric AS n")
                #expect(throws: PostgresError.self, "\(text)") { try rows.decode(Decimal.self) }
            }
            #expect(try await connection.query("SELECT 7::int4").decode(Decimal.self) == [7])
        }
    }

    @Test func arraysRoundTrip() async throws {
        try await withTestConnection { connection in
            try await roundTrip(connection, [[], [1, -2, .max]] as [[Int]], as: "int8[]")
            try await roundTrip(connection, [[1, nil, 3], [nil]] as [[Int?]], as: "int8[]")
            try await roundTrip(connection, [["a", "", "{,}\"\\", "NULL"]] as [[String]], as: "text[]")
            try await roundTrip(connection, [["a", nil]] as [[String?]], as: "text[]")
            try await roundTrip(connection, [[UUID(), UUID()]], as: "uuid[]")
            try await roundTrip(connection, [[Date(timeIntervalSince1970: 1.5), .distantPast]], as: "timestamptz[]")
            try await roundTrip(connection, [[true, false]], as: "bool[]")
            try await roundTrip(connection, [[1.5, -0.25]] as [[Double]], as: "float8[]")
            try await roundTrip(connection, [[Data([1, 0]), Data()]], as: "bytea[]")
            try await roundTrip(connection, [[Decimal(string: "-10000.00010")!, 0]], as: "numeric[]")
            let unnested = try await connection.query("SELECT * FROM unnest(\(["x", "y"]), \([1, 2]))")
            #expect(try unnested.decode((String, Int).self).map(\.0) == ["x", "y"])
            let json = try await connection.query("SELECT unnest(\([PostgresJSONText("[1]"), PostgresJSONText("{}")]))")
            #expect(try json.decode(String.self) == ["[1]", "{}"])
            let matrix = try await connection.query("SELECT '{{1,2}}'::int8[]")
            #expect(throws: PostgresError.self) { try matrix.decode([Int].self) }
            #expect(throws: PostgresError.self) { try matrix.decode(Int.self) }
        }
    }

    @Test func integersCheckTheirRange() async throws {
        try await withTestConnection { connection in
            let row = try await connection.query("SELECT 40000::int4 AS n, 1::int2 AS s, 5::oid AS o")[0]
            #expect(try row.decode("n", as: Int.self) == 40_000)
            #expect(try row.decode("s", as: Int64.self) == 1)
            #expect(try row.decode("o", as: Int.self) == 5)
            let error = #expect(throws: PostgresError.self) { try row.decode("n", as: Int16.self) }
            #expect(error?.code == .decoding && error?.message.contains("\"n\"") == true)
            #expect(throws: PostgresError.self) { try row.decode("n", as: String.self) }
            #expect(throws: PostgresError.self) { try row.decode("missing", as: Int.self) }
        }
    }

    @Test func jsonGoesBothWays() async throws {
        let value = Scalar(name: "é\"", count: -3, at: Date(timeIntervalSinceReferenceDate: 0.123456))
        try await withTestConnection { connection in
            let rows = try await connection.query(
                "SELECT \(PostgresJSON(value)), \(PostgresJSON(value))::json, \(PostgresJSONText("{\"a\": 1}"))::json")
            let (b, j, text) = try rows[0].decode(
                (PostgresJSON<Scalar>, PostgresJSON<Scalar>, PostgresJSONText).self)
            #expect(b.value == value && j.value == value && text.text == "{\"a\": 1}")
            #expect(throws: PostgresError.self) { try rows[0][0].decode(PostgresJSON<[Int]>.self) }
        }
    }

    @Test func textLikeTypesDecodeAsStrings() async throws {
        try await withTestConnection { connection in
            try await connection.executeScript("CREATE TYPE pg_temp.mood AS ENUM ('glad', 'sad')")
            let rows = try await connection.query(
                """
                SELECT 'glad'::pg_temp.mood, 'x'::name, 'y'::char(3), '{}'::jsonb, '[ ]'::json,
                  '00000000-0000-0000-0000-00000000000A'::uuid, 'q'::varchar, pg_sleep(0)
                """)
            let expected = ["glad", "x", "y  ", "{}", "[ ]", "00000000-0000-0000-0000-00000000000a", "q", ""]
            #expect(try (0..<8).map { try rows[0][$0].decode(String.self) } == expected)
            let mood = try await connection.query("SELECT \("sad")::pg_temp.mood = 'sad'")
            #expect(try mood.decode(Bool.self) == [true])
            let interval = try await connection.query("SELECT '1 day'::interval AS span")
            let error = #expect(throws: PostgresError.self) { try interval.decode(String.self) }
            #expect(error?.message.contains("span") == true && error?.message.contains("1186") == true)
        }
    }

    @Test func nulInTextIsRefusedBeforeSending() async throws {
        try await withTestConnection { connection in
            for query: PostgresQuery in ["SELECT \("a\0b")", "SELECT \(["a\0b"])", "SELECT \(unescaped: "1\0")"] {
                #expect(await postgresError { _ = try await connection.query(query) }?.code == .encoding)
            }
            let rows = try await connection.query("SELECT 1")
            #expect(rows.count == 1)
        }
    }

    enum State: String, Sendable { case open, closed }
    enum Level: Int16, PostgresCodable, PostgresArrayElement, PostgresArrayDecodable { case low = 1, high = 200 }
    enum Shout: String, PostgresEncodable {
        case hey
        func encode(into buffer: inout [UInt8]) { rawValue.uppercased().encode(into: &buffer) }
    }
    struct Flags: OptionSet, Sendable { let rawValue: Int }

    @Test func everyIntegerBinds() async throws {
        try await withTestConnection { connection in
            try await roundTrip(connection, [Int8.min, 0, .max], as: "int2")
            try await roundTrip(connection, [UInt8.min, .max], as: "int2")
            try await roundTrip(connection, [UInt16.min, .max], as: "int4")
            try await roundTrip(connection, [UInt32.min, .max], as: "int8")
            try await roundTrip(connection, [UInt64.min, UInt64(Int64.max)], as: "int8")
            try await roundTrip(connection, [UInt.min, UInt(Int64.max)], as: "int8")
            try await roundTrip(connection, [[UInt16](), [1, .max]], as: "int4[]")
            let texts = try await connection.query("SELECT \(Int128.min)::text, \(UInt128.max)::text")
                .decode((String, String).self)[0]
            #expect(texts == ("\(Int128.min)", "\(UInt128.max)"))
            let error = await postgresError { _ = try await connection.query("SELECT \(UInt64.max)") }
            #expect(error?.code == .encoding && error?.message.contains("parameter $1 (UInt64)") == true)
        }
    }

    @Test func whatHasARawValueIsBoundAsThat() async throws {
        try await withTestConnection { connection in
            let row = try await connection.query(
                """
                SELECT \(State.open), \(State?.none)::text, \([State.open, .closed])::text[], \(Flags(rawValue: 3)),
                    \(Shout.hey), \("abc".dropFirst())
                """
            )[0]
            let (state, none, all, flags, shout, part) = try row.decode(
                (String, String?, [String], Int, String, String).self)
            #expect(state == "open" && none == nil && all == ["open", "closed"] && flags == 3)
            #expect(shout == "HEY", "a type's own way goes before its raw value's")
            #expect(part == "bc")
            try await roundTrip(connection, [Level.low, .high], as: "int2")
            try await roundTrip(connection, [[Level.low, .high]], as: "int2[]")
            let unknown = try await connection.query("SELECT 7::int2")
            #expect(throws: PostgresError.self) { try unknown.decode(Level.self) }
        }
    }
}
