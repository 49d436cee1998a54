import Testing

/// A field that a key follows from cannot be renamed without the compiler's notice: the key would silently be gone.
@Suite struct RenamedFieldTests {
    @Test func aFieldThatIsThereCompiles() throws {
        let result = try Compiler().typeCheck(fixture: "DerivedKey")
        #expect(result.succeeded, "\(result.diagnostics)")
    }

    @Test func aRenamedFieldDoesNotCompile() throws {
        let result = try Compiler().typeCheck(fixture: "RenamedField")
        #expect(!result.succeeded)
        #expect(result.diagnostics.contains("has no member 'orderID'"), "\(result.diagnostics)")
    }
}
