public import Foundation

extension Date: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .timestamptz }
    public static var postgresArrayType: PostgresType { .timestamptzArray }

    /// From PostgreSQL's epoch (2000) to `Date`'s reference date (2001).
    private static var epochOffsetMicroseconds: Int64 { 366 * 86_400 * 1_000_000 }

    /// Writes microseconds, rounded to the nearest; exact between the years 1729 and 2273, where `Date` itself is
    /// finer than a microsecond. `.distantFuture` and `.distantPast` become `infinity` and `-infinity`.
    ///
    /// Throws ``PostgresError/Code/encoding`` for a date that is not a number or beyond 64 bits of microseconds.
    public func encode(into buffer: inout [UInt8]) throws {
        if self == .distantFuture { return buffer.appendInteger(Int64.max) }
        if self == .distantPast { return buffer.appendInteger(Int64.min) }
        let seconds = timeIntervalSinceReferenceDate.rounded(.down)
        let fraction = ((timeIntervalSinceReferenceDate - seconds) * 1e6).rounded()
        guard let whole = Int64(exactly: seconds) else {
            throw PostgresError(.encoding, "the date is out of PostgreSQL's range")
        }
        let (micros, overflow) = whole.multipliedReportingOverflow(by: 1_000_000)
        let (sum, sumOverflow) = micros.addingReportingOverflow(Int64(fraction) + Self.epochOffsetMicroseconds)
        guard !overflow, !sumOverflow else {
            throw PostgresError(.encoding, "the date is out of PostgreSQL's range")
        }
        buffer.appendInteger(sum)
    }

    /// Takes timestamptz, and timestamp and date as UTC. `infinity` becomes `.distantFuture`, `-infinity`
    /// `.distantPast`.
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
        case .max: self = .distantFuture
        case .min: self = .distantPast
        default:
            self.init(timeIntervalSinceReferenceDate: Double(micros &- Self.epochOffsetMicroseconds) / 1e6)
        }
    }
}
