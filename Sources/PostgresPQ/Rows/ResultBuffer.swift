import CLibPQ
import Foundation

/// Owns one `PGresult` and clears it when the last row, cell or collection that looks into it is gone.
// Safe to share: libpq never changes a PGresult after handing it out, and the accessors used here only read it.
final class ResultBuffer: @unchecked Sendable {
    let pointer: OpaquePointer
    let rowCount: Int
    let columnCount: Int

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
        rowCount = Int(PQntuples(pointer))
        columnCount = Int(PQnfields(pointer))
    }

    deinit {
        PQclear(pointer)
    }

    var status: ExecStatusType { PQresultStatus(pointer) }

    var commandTag: String { String(cString: PQcmdStatus(pointer)) }

    /// The command has dropped the session's prepared statements.
    var dropsStatements: Bool {
        guard let tag = PQcmdStatus(pointer) else { return false }
        return strcmp(tag, "DISCARD ALL") == 0 || strcmp(tag, "DEALLOCATE ALL") == 0
    }

    /// The number in the command tag; 0 for commands without one.
    var rowsAffected: Int { Int(String(cString: PQcmdTuples(pointer))) ?? 0 }

    func columnName(_ column: Int) -> String {
        String(cString: PQfname(pointer, Int32(column)))
    }

    func columnType(_ column: Int) -> PostgresType {
        PostgresType(rawValue: PQftype(pointer, Int32(column)))
    }

    /// The first column of exactly this name.
    func columnIndex(_ name: String) -> Int? {
        name.withCString { name in
            (0..<columnCount).first { strcmp(PQfname(pointer, Int32($0)), name) == 0 }
        }
    }

    func cell(row: Int, column: Int) -> PostgresCell {
        let row32 = Int32(row)
        let column32 = Int32(column)
        guard PQgetisnull(pointer, row32, column32) == 0 else {
            return PostgresCell(buffer: self, column: column, type: columnType(column), start: nil, count: 0)
        }
        return PostgresCell(
            buffer: self, column: column, type: columnType(column),
            start: UnsafeRawPointer(PQgetvalue(pointer, row32, column32)),
            count: Int(PQgetlength(pointer, row32, column32)))
    }
}
