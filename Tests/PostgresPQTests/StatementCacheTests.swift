import Testing

@testable import PostgresPQ

@Suite struct StatementCacheTests {
    @Test func aConfirmedStatementIsExecutedByName() {
        var cache = StatementCache(limit: 2)
        #expect(cache.plan("SELECT 1", unit: 1) == .prepare(name: "waymark_1"))
        #expect(cache.plan("SELECT 1", unit: 1) == .execute(name: "waymark_1"))
        #expect(cache.plan("SELECT 1", unit: 2) == .unprepared)
        cache.prepared("waymark_1")
        #expect(cache.plan("SELECT 1", unit: 2) == .execute(name: "waymark_1"))
    }

    @Test func parameterTypesArePartOfTheKey() {
        var cache = StatementCache(limit: 4)
        #expect(cache.plan("SELECT \(1)", unit: 1) == .prepare(name: "waymark_1"))
        #expect(cache.plan("SELECT \("a")", unit: 1) == .prepare(name: "waymark_2"))
        #expect(cache.plan("SELECT \(Int?.none)", unit: 1) == .execute(name: "waymark_1"))
    }

    @Test func theLeastRecentlyUsedGoes() {
        var cache = StatementCache(limit: 2)
        for (unit, sql) in ["A", "B"].enumerated() {
            _ = cache.plan(PostgresQuery(unsafeSQL: sql), unit: unit)
            cache.prepared("waymark_\(unit + 1)")
        }
        _ = cache.plan("A", unit: 3)
        #expect(cache.plan("C", unit: 4) == .prepare(name: "waymark_3"))
        #expect(cache.takeEvicted() == ["waymark_2"])
        #expect(cache.takeEvicted().isEmpty)
        #expect(cache.plan("B", unit: 4) == .prepare(name: "waymark_4"))
        #expect(cache.plan("D", unit: 5) == .unprepared, "nothing that is being prepared may go")
        #expect(cache.count == 2)
    }

    @Test func aFailedPreparationIsForgotten() {
        var cache = StatementCache(limit: 2)
        _ = cache.plan("A", unit: 1)
        cache.forget("waymark_1")
        #expect(cache.plan("A", unit: 2) == .prepare(name: "waymark_2"))
        cache.forget("waymark_2", isOnServer: true)
        #expect(cache.takeEvicted() == ["waymark_2"])
    }

    @Test func aLimitOfZeroSwitchesItOff() {
        var cache = StatementCache(limit: 0)
        #expect(cache.plan("A", unit: 1) == .unprepared)
    }
}
