import Foundation
import Testing

@testable import Waymark

@Suite struct UUIDTextTests {
    @Test func textIsFoundations() throws {
        for id in (0..<1_000).map({ _ in UUID() }) {
            #expect(id.text(.uppercase) == id.uuidString)
            #expect(id.text(.lowercase) == id.uuidString.lowercased())
            #expect(UUID(text: id.text(.uppercase)) == id)
            #expect(UUID(text: id.text(.lowercase)) == id)
        }
    }

    @Test(arguments: [
        "", "CDF311C1-5BC9-4CB5-8674-5E70692196E", "CDF311C1-5BC9-4CB5-8674-5E70692196EFF",
        "CDF311C15BC9-4CB5-8674-5E70692196EF-", "CDF311C1-5BC9-4CB5-8674-5E70692196Eg",
        "CDF311C1-5BC9-4CB5-8674 5E70692196EF", "CDF311C1-5BC9-4CB5-8674-5E7069219-EF",
        "{DF311C1-5BC9-4CB5-8674-5E70692196E}", "CDF311C1-5BC9-4CB5-8674-5E706921 6EF",
        "CDF311C1-5BC9-4CB5-8674-5E70692196\u{E9}",
    ])
    func whatIsNoUUID(text: String) {
        #expect(UUID(text: text) == nil)
        #expect(throws: DecodingError.self) { try JSONCoding.decode(UUID.self, from: "\"\(text)\"") }
    }
}
