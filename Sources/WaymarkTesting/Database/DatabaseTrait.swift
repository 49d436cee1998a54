public import Testing

/// Gives a suite, or a single test, a database of its own: see `Trait.database(script:)`.
public struct DatabaseTrait: SuiteTrait, TestTrait, TestScoping {
    let script: String?

    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withoutActuallyEscaping(function) { function in
            try await TestDatabase.with(script: script) { database in
                try await TestDatabase.$scoped.withValue(database) { try await function() }
            }
        }
    }
}

extension Trait where Self == DatabaseTrait {
    /// Gives the suite a fresh, migrated database, which its tests share and find in `TestDatabase.current`.
    ///
    /// ```swift
    /// @Suite(.database(script: schema)) struct BookingTests {
    ///     let database = TestDatabase.current
    /// ```
    /// On a throw-away PostgreSQL that is started with the first one, or on the server of `WAYMARK_TEST_DATABASE_URL`.
    /// - Parameter script: SQL to run after the migrations.
    public static func database(script: String? = nil) -> Self { Self(script: script) }
}

extension TestDatabase {
    @TaskLocal static var scoped: TestDatabase?

    /// The database of the suite or test that runs, which has the trait `.database()`.
    public static var current: TestDatabase {
        guard let scoped else { preconditionFailure("the test has no trait .database()") }
        return scoped
    }
}
