/* containers.cc - each of the C++ library's containers in a field of one object, with items of a class; takes one dump and ends. */
#include <any>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "refgraph.h"

struct Item {
	Item *next = nullptr;
	long number = 0;
};
struct Row { /* has a destructor: new Row[n] has their number in front */
	~Row() { delete item; }
	Item *item = nullptr;
	long cells[2] = {};
};
union Either {
	Item *item;
	Row *row;
};

struct Store {
	std::vector<Item *> vector;
	std::list<Item *> list;
	std::forward_list<Item *> forward;
	std::deque<Item *> deque;
	std::map<int, Item *> map;
	std::multimap<int, Item *> multimap;
	std::set<Item *> set;
	std::unordered_map<int, Item *> hash;
	std::unordered_set<Item *> hash_set;
	std::string text;
	std::unique_ptr<Item> unique;
	std::unique_ptr<Item[]> uniques;
	std::shared_ptr<Item> shared, taken;
	std::function<long()> function;
	std::optional<Item *> optional;
	std::variant<int, Item *, double> variant;
	std::any any;
	Row *rows = nullptr;
	Either either;
	int kind = 0;
	std::vector<std::string> texts;
	std::map<std::string, std::vector<Item>> nested;
};
Store *store;

static Item *item(long n)
{
	Item *i = new Item;

	i->number = n;
	return i;
}

int main()
{
	long capture[4] = {1, 2, 3, 4};

	store = new Store;
	for (int i = 0; i < 4; i++) {
		store->vector.push_back(item(100 + i));
		store->list.push_back(item(200 + i));
		store->forward.push_front(item(300 + i));
		store->deque.push_back(item(400 + i));
		store->map[i] = item(500 + i);
		store->multimap.emplace(1, item(600 + i));
		store->set.insert(item(700 + i));
		store->hash[i] = item(800 + i);
		store->hash_set.insert(item(900 + i));
		store->texts.push_back("a text that is too long for the object itself " + std::to_string(i));
		store->nested["a key that is too long for the object itself " + std::to_string(i)].resize(2);
	}
	store->text = "one more text that is too long for the object itself";
	store->unique.reset(item(1000));
	store->uniques.reset(new Item[3]);
	store->shared = std::make_shared<Item>();
	store->taken.reset(item(1100));
	store->function = [capture] { return capture[0] + capture[3]; };
	store->optional = item(1200);
	store->variant = item(1300);
	store->any = std::string("any text that is too long for the object itself");
	store->rows = new Row[5];
	for (int i = 0; i < 5; i++)
		store->rows[i].item = item(1400 + i);
	store->either.item = item(1500);
	refgraph_snapshot("containers");
	return 0;
}
