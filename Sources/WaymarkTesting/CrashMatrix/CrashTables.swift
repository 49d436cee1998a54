import PostgresPQ

/// The tables of a test database: how to put them back, and how to look at them.
struct CrashTables: Sendable {
    private struct Table {
        /// Quoted, with its schema.
        let name: String
        /// The same as a text in SQL.
        let literal: String
        /// The columns that can be inserted, quoted.
        let columns: String
    }

    /// Those that others refer to come first.
    private let tables: [Table]

    /// Waymark's are not compared row by row.
    private var compared: [Table] { tables.filter { !$0.name.hasPrefix("waymark.") } }

    /// What a test database has beside the application's tables and Waymark's.
    private static let others = "'waymark_clock', 'waymark_matrix', 'pg_catalog', 'information_schema'"

    /// - Throws: `PostgresError`; `ConditionNotMet` for tables that refer to each other in a circle.
    init(_ client: PostgresClient) async throws {
        let rows = try await client.query(
            """
            SELECT c.oid::bigint, format('%I.%I', n.nspname, c.relname),
                quote_literal(format('%I.%I', n.nspname, c.relname)),
                coalesce((SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                    WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''), ''),
                ARRAY(SELECT confrelid::bigint FROM pg_constraint
                    WHERE conrelid = c.oid AND contype = 'f' AND confrelid <> c.oid)
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND n.nspname NOT IN (\(unescaped: Self.others)) AND n.nspname NOT LIKE 'pg\\_%'
                AND NOT EXISTS (SELECT FROM pg_depend
                    WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
            ORDER BY 2
            """
        ).decode((Int, String, String, String, [Int]).self)
        let known = Set(rows.map(\.0))
        var left = rows
        var placed: Set<Int> = []
        var tables: [Table] = []
        while !left.isEmpty {
            let ready = left.filter { placed.isSuperset(of: known.intersection($0.4)) }
            if ready.isEmpty {
                throw ConditionNotMet(
                    description: "tables refer to each other in a circle: \(left.map(\.1).joined(separator: ", "))")
            }
            tables += ready.map { Table(name: $0.1, literal: $0.2, columns: $0.3) }
            placed.formUnion(ready.map(\.0))
            left.removeAll { placed.contains($0.0) }
        }
        self.tables = tables
    }

    /// SQL that keeps every table as it is now.
    /// - Parameter name: what that state is called: the beginning of its copies' names.
    func save(as name: String) -> String {
        tables.enumerated().map { "CREATE TABLE \(name)_\($0) AS SELECT * FROM ONLY \($1.name);\n" }.joined()
    }

    /// SQL that puts every table back to how it was then.
    func restore(from name: String) -> String {
        let emptied = tables.reversed().map { "DELETE FROM ONLY \($0.name);\n" }
        let filled = tables.enumerated().map { index, table in
            "INSERT INTO \(table.name) (\(table.columns)) OVERRIDING SYSTEM VALUE "
                + "SELECT \(table.columns) FROM \(name)_\(index);\n"
        }
        // The tables' own triggers have done their work when the rows were written first.
        let quiet = tables.map { "ALTER TABLE \($0.name) DISABLE TRIGGER USER;\n" }
        let awake = tables.map { "ALTER TABLE \($0.name) ENABLE TRIGGER USER;\n" }
        return (quiet + emptied + filled + awake).joined()
    }

    /// A query for one JSON text: the rows of every table, and what Waymark has on record.
    var snapshot: String {
        let rows = compared.map {
            "SELECT \($0.literal), coalesce(jsonb_agg(to_jsonb(r.*)), '[]') FROM ONLY \($0.name) AS r"
        }
        let keys = """
            SELECT 'waymark.keys', coalesce(jsonb_agg(jsonb_build_object('saga', saga, 'key', key,
                'recovery_point', recovery_point, 'parked_reason', parked_reason, 'direction', direction,
                'response_status', response_status, 'response_body', response_body,
                'is_leased', lease_until > now() OR locked_by IS NOT NULL, 'has_branches', branches <> '{}',
                'steps', (SELECT jsonb_agg(e ->> 'step' ORDER BY e ->> 'step') FROM jsonb_array_elements(journal) AS e)
            )), '[]') FROM waymark.keys
            """
        let jobs = """
            SELECT 'waymark.jobs', coalesce(jsonb_agg(jsonb_build_object('name', name, 'payload', payload,
                'position', position, 'dead', dead)), '[]') FROM waymark.jobs
            """
        let parts = (rows + [keys, jobs]).joined(separator: "\nUNION ALL ")
        return "SELECT jsonb_object_agg(name, rows)::text FROM (\(parts)) AS parts (name, rows)"
    }
}
