"""Write the cards of the landscapes that ship with the package anew, after a change of what cards tell.

.venv/bin/python scripts/write_cards.py
"""

from landscapes import cards, catalogue


def main() -> None:
    for landscape in catalogue.available().values():
        if landscape.ships:
            cards.write(landscape)
            print(f"{landscape.name}: {landscape.directory}")


if __name__ == "__main__":
    main()
