import CLibPQ
import Foundation

extension PostgresError {
    /// The error in a `PGresult`. One that ends the session, or that libpq made for want of a connection, has the code
    /// ``Code/connectionLost``.
    init(result: OpaquePointer, sql: String?) {
        func field(_ name: DiagnosticField) -> String? {
            PQresultErrorField(result, name.rawValue).map { String(cString: $0) }
        }
        let sqlState = field(.sqlState).map(SQLState.init(rawValue:))
        let severity = field(.severity) ?? ""
        let isFatal = severity == "FATAL" || severity == "PANIC"
        let whole = PQresultErrorMessage(result).map { String(cString: $0) } ?? ""
        self.init(
            isFatal || sqlState == nil ? .connectionLost : .server,
            field(.message) ?? whole.trimmingCharacters(in: .whitespacesAndNewlines),
            sqlState: sqlState,
            sql: sql)
        detail = field(.detail)
        hint = field(.hint)
        constraint = field(.constraint)
        table = field(.table)
        column = field(.column)
        position = field(.position).flatMap { Int($0) }
    }

    /// libpq's `PG_DIAG_…` letters.
    private enum DiagnosticField: Int32 {
        case severity = 0x56  // V: not localised
        case sqlState = 0x43  // C
        case message = 0x4D  // M
        case detail = 0x44  // D
        case hint = 0x48  // H
        case position = 0x50  // P
        case table = 0x74  // t
        case column = 0x63  // c
        case constraint = 0x6E  // n
    }
}
