import Foundation

/// Which statements are prepared on a connection, and which one to drop for a new one. No I/O.
struct StatementCache {
    /// A statement can be reused for the same text with the same parameter types.
    private struct Key: Hashable {
        var sql: String
        /// As the query has them, shared with it; only their types count.
        var slots: [PostgresBindings.Slot]

        static func == (one: Key, other: Key) -> Bool {
            // Byte for byte: to a String, é is é however it is composed; to the server it is not.
            Self.isSame(one.sql, other.sql) && one.slots.elementsEqual(other.slots) { $0.type == $1.type }
        }

        private static func isSame(_ one: String, _ other: String) -> Bool {
            let same = one.utf8.withContiguousStorageIfAvailable { one in
                other.utf8.withContiguousStorageIfAvailable { other in
                    one.count == other.count
                        && (one.isEmpty || memcmp(one.baseAddress!, other.baseAddress!, one.count) == 0)
                }
            }
            return same.flatMap(\.self) ?? one.utf8.elementsEqual(other.utf8)
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(sql)
        }
    }

    enum Plan: Equatable {
        /// Prepare it under this name, then execute it.
        case prepare(name: String)
        case execute(name: String)
        /// Send text and parameters in one, unprepared.
        case unprepared
    }

    private struct Entry {
        var name: String
        /// The unit that prepares it, until the server has confirmed. Only that unit may execute it: should the
        /// preparation fail, the rest of the unit is skipped, but other units would find no such statement.
        var preparingUnit: Int?
        var lastUse: Int
    }

    private let limit: Int
    private var entries: [Key: Entry] = [:]
    private var keys: [String: Key] = [:]
    private var evicted: [String] = []
    private var useCount = 0
    private var nameCount = 0

    /// - Parameter limit: how many statements to keep; 0 switches preparing off.
    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { entries.count }

    /// How to run a statement as part of a unit.
    mutating func plan(_ query: PostgresQuery, unit: Int) -> Plan {
        guard limit > 0 else { return .unprepared }
        let key = Key(sql: query.sql, slots: query.binds.slots)
        useCount += 1
        if let index = entries.index(forKey: key) {
            if let preparing = entries.values[index].preparingUnit, preparing != unit { return .unprepared }
            entries.values[index].lastUse = useCount
            return .execute(name: entries.values[index].name)
        }
        // So what is executed by its name leaves nothing in the session, and no text is read twice to find that out.
        if query.sessionEffect == .session { return .unprepared }
        if entries.count >= limit { evict() }
        guard entries.count < limit else { return .unprepared }
        nameCount += 1
        let name = "waymark_\(nameCount)"
        entries[key] = Entry(name: name, preparingUnit: unit, lastUse: useCount)
        keys[name] = key
        return .prepare(name: name)
    }

    /// The server has confirmed the preparation.
    mutating func prepared(_ name: String) {
        guard let key = keys[name] else { return }
        entries[key]?.preparingUnit = nil
    }

    /// The server does not have the statement (any more), or its plan is stale.
    ///
    /// - Parameter isOnServer: the server still has the name, so it must be deallocated.
    mutating func forget(_ name: String, isOnServer: Bool = false) {
        guard let key = keys.removeValue(forKey: name) else { return }
        entries[key] = nil
        if isOnServer { evicted.append(name) }
    }

    /// The server has dropped all statements.
    mutating func forgetAll() {
        entries.removeAll()
        keys.removeAll()
        evicted.removeAll()
    }

    /// The names to deallocate, handed over.
    mutating func takeEvicted() -> [String] {
        defer { evicted.removeAll() }
        return evicted
    }

    /// Names that could not be deallocated and must be tried again.
    mutating func putBack(evicted names: [String]) {
        evicted += names
    }

    private mutating func evict() {
        let candidates = entries.filter { $0.value.preparingUnit == nil }
        guard let oldest = candidates.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
        forget(oldest.value.name, isOnServer: true)
    }
}
