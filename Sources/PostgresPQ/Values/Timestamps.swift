public import Foundation

extension Date: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .timestamptz }
    public static var postgresArrayType: PostgresType { .timestamptzArray }

    /// From PostgreSQL's epoch (2000) to `Date`'s reference date (2001).
    private static var epochOffset: Int64 { 366 * 86_400 }

    /// The dates that a timestamptz holds: from 4713 BC to the end of 294276.
    package static let postgresRange =
        Date(
            timeIntervalSinceReferenceDate: Double(-211_813_488_000 - epochOffset))..<Date(
            timeIntervalSinceReferenceDate: Double(9_223_371_331_200 - epochOffset))

    /// Writes microseconds, rounded to the nearest; exact between the years 1729 and 2273, where `Date` itself is
    /// finer than a microsecond. No date is `infinity`: see ``PostgresTimestamp``.
    ///
    /// Throws ``PostgresError/Code/encoding`` for what is not a number, and for a date that PostgreSQL does not hold.
    public func encode(into buffer: inout [UInt8]) throws {
        guard Self.postgresRange.contains(self) else {
            throw PostgresError(.encoding, "the date is out of PostgreSQL's range, 4713 BC to 294276")
        }
        // The whole seconds apart, so that a date far from 2001 loses nothing to the multiplication.
        let seconds = timeIntervalSinceReferenceDate.rounded(.down)
        let fraction = ((timeIntervalSinceReferenceDate - seconds) * 1e6).rounded()
        buffer.appendInteger((Int64(seconds) + Self.epochOffset) * 1_000_000 + Int64(fraction))
    }

    /// Takes timestamptz, and timestamp and date as UTC.
    ///
    /// Throws ``PostgresError/Code/decoding`` for `infinity` and `-infinity`, which are no dates: see ``PostgresTimestamp``.
    public init(postgres cell: PostgresCell) throws {
        guard case .date(let date) = try PostgresTimestamp(postgres: cell) else {
            throw PostgresError(
                .decoding, "the timestamp is infinite, which is no Date: read it as a PostgresTimestamp")
        }
        self = date
    }

    /// The date that is so many microseconds after the beginning of 2000.
    fileprivate init(postgresMicroseconds micros: Int64) {
        // No timestamp of PostgreSQL's is near the ends of 64 bits.
        let sinceReference = micros &- Self.epochOffset * 1_000_000
        if let exact = Double(exactly: sinceReference) {
            self.init(timeIntervalSinceReferenceDate: exact / 1e6)
            return
        }
        // A double does not hold so many microseconds: the whole seconds apart.
        let (seconds, rest) = sinceReference.quotientAndRemainder(dividingBy: 1_000_000)
        self.init(timeIntervalSinceReferenceDate: Double(seconds) + Double(rest) / 1e6)
    }
}

/// A timestamp of PostgreSQL's: a date, or later or earlier than all dates.
public enum PostgresTimestamp: Sendable, Hashable {
    case date(Date)
    /// `infinity`: later than every date.
    case infinity
    /// `-infinity`: earlier than every date.
    case negativeInfinity
}

extension PostgresTimestamp: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .timestamptz }
    public static var postgresArrayType: PostgresType { .timestamptzArray }

    /// Throws what a `Date` does.
    public func encode(into buffer: inout [UInt8]) throws {
        switch self {
        case .date(let date): try date.encode(into: &buffer)
        case .infinity: buffer.appendInteger(Int64.max)
        case .negativeInfinity: buffer.appendInteger(Int64.min)
        }
    }

    /// Takes timestamptz, and timestamp and date as UTC.
    public init(postgres cell: PostgresCell) throws {
        let bytes = try cell.bytes()
        let micros: Int64
        switch (cell.type, bytes.count) {
        case (.timestamptz, 8), (.timestamp, 8):
            micros = bytes.loadInteger(as: Int64.self)
        case (.date, 4):
            let days = bytes.loadInteger(as: Int32.self)
            micros = days == .max ? .max : days == .min ? .min : Int64(days) * 86_400 * 1_000_000
        default:
            throw cell.mismatch(Date.self)
        }
        switch micros {
        case .max: self = .infinity
        case .min: self = .negativeInfinity
        default: self = .date(Date(postgresMicroseconds: micros))
        }
    }
}
