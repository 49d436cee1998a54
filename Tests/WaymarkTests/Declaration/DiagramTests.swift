import Testing
import Waymark

@Suite struct DiagramTests {
    @Test func mermaid() throws {
        #expect(
            try SagaDeclaration(BookRide()).diagram(.mermaid) == """
                flowchart TD
                    n0(["started"])
                    n1(["ride_created"])
                    n2(["charge_created"])
                    n3(["finished"])
                    n4(["charge_created:undone"])
                    n5(["finished:rejected"])
                    n0 -->|"ride_created<br>atomic phase"| n1
                    n1 -->|"charge_created<br>foreign call, keyed for 24 h"| n2
                    n2 -->|"receipt_staged<br>atomic phase, repeatable read"| n3
                    n2 -.->|"undo charge_created<br>foreign call, keyed for 24 h"| n4
                    n4 -.->|"undo ride_created<br>atomic phase"| n5

                """
        )
    }

    @Test func dot() throws {
        #expect(
            try SagaDeclaration(BookRide()).diagram(.dot) == #"""
                digraph "book-ride" {
                    node [shape=box, style=rounded];
                    "started" -> "ride_created" [label="ride_created\natomic phase"];
                    "ride_created" -> "charge_created" [label="charge_created\nforeign call, keyed for 24 h"];
                    "charge_created" -> "finished" [label="receipt_staged\natomic phase, repeatable read"];
                    "charge_created" -> "charge_created:undone" [label="undo charge_created\nforeign call, keyed for 24 h", style=dashed];
                    "charge_created:undone" -> "finished:rejected" [label="undo ride_created\natomic phase", style=dashed];
                }

                """#
        )
    }

    @Test func withoutCompensationsThereIsNoWayBack() throws {
        let declaration = try SagaDeclaration(Assembled([call("only")]))
        #expect(
            declaration.diagram(.mermaid) == """
                flowchart TD
                    n0(["started"])
                    n1(["finished"])
                    n0 -->|"only<br>foreign call, natural"| n1

                """
        )
    }

    /// "end" is a word of Mermaid's, and a hyphen is none of its letters.
    @Test func namesAreNotTakenForSyntaxOrForEachOther() throws {
        let text = try SagaDeclaration(Assembled([phase("end"), phase("a-b"), phase("a_b"), phase("z")]))
            .diagram(.mermaid)
        #expect(text.contains(#"n1(["end"])"#))
        #expect(text.contains(#"n2(["a-b"])"#))
        #expect(text.contains(#"n3(["a_b"])"#))
    }
}
