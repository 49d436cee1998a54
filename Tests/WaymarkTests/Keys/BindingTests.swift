import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

/// What can be interpolated into a statement, and what the compiler says of what cannot.
@Suite struct BindingTests {
    @Test func whatHasABindingCompiles() throws {
        let result = try Compiler().typeCheck(fixture: "Bound")
        #expect(result.succeeded && result.diagnostics.isEmpty, "\(result.diagnostics)")
    }

    /// The compiler used to miss a label, "unescaped:", which puts the value into the text.
    @Test(arguments: [
        ("Unbound", "conform the type to PostgresEncodable"), ("UnboundRow", "only a row can be interpolated"),
    ])
    func aTypeWithoutABindingIsToldWhatToDo(fixture: String, advice: String) throws {
        let result = try Compiler().typeCheck(fixture: fixture)
        #expect(!result.succeeded)
        #expect(result.diagnostics.contains(advice), "\(result.diagnostics)")
        #expect(!result.diagnostics.contains("unescaped"), "\(result.diagnostics)")
    }

    @Test func scopesAndKeysGoThroughTheDatabase() async throws {
        let (scope, key) = (try Scope("tenant:é"), try IdempotencyKey("k 1"))
        try await TestDatabase.with { database in
            let row = try await database.client.query("SELECT \(scope), \(key), \([scope])").decode(
                (Scope, IdempotencyKey, [Scope]).self)[0]
            #expect(row == (scope, key, [scope]))
            let wrong = try await database.client.query("SELECT ''")
            #expect(throws: PostgresError.self) { try wrong.decode(IdempotencyKey.self) }
            #expect(throws: PostgresError.self) { try wrong.decode(Scope.self) }
        }
    }
}
